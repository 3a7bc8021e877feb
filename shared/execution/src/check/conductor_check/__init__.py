"""The check of generated programs; `supervisor.py` is where to begin."""
