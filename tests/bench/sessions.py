"""The session route of a usual FastAPI service, served by uvicorn.

SESSION names a file with the one session. With DATABASE it is read from SQLite at every request, in a plain function,
which is what FastAPI asks for where a call may block; else from a dict.
"""

import json
import os
import sqlite3
import threading
from pathlib import Path

from fastapi import FastAPI, HTTPException

text = Path(os.environ["SESSION"]).read_text()
session = json.loads(text)
database = os.environ.get("DATABASE")
app = FastAPI()

if database:
    with sqlite3.connect(database) as setup:
        setup.execute("PRAGMA journal_mode = WAL")
        setup.execute("CREATE TABLE session (id TEXT PRIMARY KEY, head TEXT NOT NULL)")
        setup.execute("INSERT INTO session VALUES (?, ?)", (session["session_id"], text))
    setup.close()
    of_thread = threading.local()

    def connection() -> sqlite3.Connection:
        """One for each thread of the pool: opening one for each request would be slower."""
        if not hasattr(of_thread, "connection"):
            of_thread.connection = sqlite3.connect(database)
        return of_thread.connection

    @app.get("/session/{session_id}")
    def show(session_id: str):
        row = connection().execute("SELECT head FROM session WHERE id = ?", (session_id,)).fetchone()
        if row is None:
            raise HTTPException(404, f"there is no session {session_id}")
        return json.loads(row[0])

else:
    sessions = {session["session_id"]: session}

    @app.get("/session/{session_id}")
    async def show(session_id: str):
        if session_id not in sessions:
            raise HTTPException(404, f"there is no session {session_id}")
        return sessions[session_id]
