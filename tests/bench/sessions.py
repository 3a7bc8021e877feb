"""The session route of a usual FastAPI service, served by uvicorn.

SESSION names a file with the one session, STORE says where it is read from at every request:

    dict           a dict
    sqlite         a database, with a connection for each request by a dependency, as tutorials have it
    sqlite-kept    the same with a connection kept by each thread, as somebody would have it who measures
"""

import json
import os
import sqlite3
import threading
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException

text = Path(os.environ["SESSION"]).read_text()
session = json.loads(text)
store = os.environ["STORE"]
database = f"{store}.sqlite"
app = FastAPI()


def make_database():
    with sqlite3.connect(database) as setup:
        setup.execute("PRAGMA journal_mode = WAL")
        setup.execute("CREATE TABLE session (id TEXT PRIMARY KEY, head TEXT NOT NULL)")
        setup.execute("INSERT INTO session VALUES (?, ?)", (session["session_id"], text))
    setup.close()


def read(connection, session_id):
    row = connection.execute("SELECT head FROM session WHERE id = ?", (session_id,)).fetchone()
    if row is None:
        raise HTTPException(404, f"there is no session {session_id}")
    return json.loads(row[0])


match store:
    case "dict":
        sessions = {session["session_id"]: session}

        @app.get("/session/{session_id}")
        async def show_from_dict(session_id: str):
            if session_id not in sessions:
                raise HTTPException(404, f"there is no session {session_id}")
            return sessions[session_id]

    case "sqlite":
        make_database()

        def connect():
            connection = sqlite3.connect(database, check_same_thread=False)
            try:
                yield connection
            finally:
                connection.close()

        @app.get("/session/{session_id}")
        def show_from_sqlite(session_id: str, connection: Annotated[sqlite3.Connection, Depends(connect)]):
            return read(connection, session_id)

    case "sqlite-kept":
        make_database()
        of_thread = threading.local()

        @app.get("/session/{session_id}")
        def show_from_kept(session_id: str):
            if not hasattr(of_thread, "connection"):
                of_thread.connection = sqlite3.connect(database)
            return read(of_thread.connection, session_id)
