import gradio as gr


def primes(count):
    found = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):  #: endless_run
            found.append(candidate)
    return found


FIRST = primes(100)
demo = gr.Interface(lambda n: FIRST[int(n)], gr.Slider(0, 99, step=1), "number")
demo.launch()
