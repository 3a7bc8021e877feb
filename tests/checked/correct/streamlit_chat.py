import streamlit as st

st.title("Echo")
messages = st.session_state.setdefault("messages", [])
for message in messages:
    with st.chat_message(message["role"]):
        st.markdown(message["content"])
if text := st.chat_input("Say something"):
    messages.append({"role": "user", "content": text})
    messages.append({"role": "assistant", "content": text[::-1]})
    st.rerun()
if st.button("Forget all"):
    messages.clear()
