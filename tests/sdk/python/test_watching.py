"""Folders that are watched."""

import pytest
from conftest import until
from e2b_code_interpreter import (
    FileNotFoundException,
    FilesystemEventType,
    FileType,
    InvalidArgumentException,
    SandboxException,
)


def changes(handle, seen):
    """Adds what is new to `seen`, and gives all names and types so far."""
    seen.extend(handle.get_new_events())
    return {(event.name, event.type) for event in seen}


def test_changes_of_a_folder_are_watched(sandbox):
    sandbox.files.make_dir("watched")
    handle = sandbox.files.watch_dir("watched")
    seen = []
    sandbox.files.write("watched/a.txt", "one")
    until(
        "the write is seen", lambda: ("a.txt", FilesystemEventType.WRITE) in changes(handle, seen)
    )
    assert ("a.txt", FilesystemEventType.CREATE) in changes(handle, seen)
    sandbox.commands.run("chmod 600 watched/a.txt")
    until("the mode is seen", lambda: ("a.txt", FilesystemEventType.CHMOD) in changes(handle, seen))
    sandbox.files.rename("watched/a.txt", "watched/b.txt")
    until(
        "the new name is seen",
        lambda: ("b.txt", FilesystemEventType.CREATE) in changes(handle, seen),
    )
    assert ("a.txt", FilesystemEventType.RENAME) in changes(handle, seen)
    sandbox.files.remove("watched/b.txt")
    until("the end is seen", lambda: ("b.txt", FilesystemEventType.REMOVE) in changes(handle, seen))
    assert handle.get_new_events() == []
    handle.stop()
    with pytest.raises(SandboxException, match="already stopped"):
        handle.get_new_events()


def test_folders_below_are_watched_when_asked_for(sandbox):
    sandbox.files.make_dir("watched-deep/old")
    handle = sandbox.files.watch_dir("watched-deep", recursive=True)
    seen = []
    sandbox.files.write("watched-deep/old/a.txt", "x")
    until(
        "the file below is seen",
        lambda: ("old/a.txt", FilesystemEventType.WRITE) in changes(handle, seen),
    )
    sandbox.files.make_dir("watched-deep/new")
    until(
        "the new folder is seen",
        lambda: ("new", FilesystemEventType.CREATE) in changes(handle, seen),
    )
    sandbox.files.write("watched-deep/new/b.txt", "x")
    until(
        "the file in it is seen",
        lambda: any(name == "new/b.txt" for name, _ in changes(handle, seen)),
    )
    handle.stop()


def test_events_carry_the_entry_when_asked_for(sandbox):
    sandbox.files.make_dir("watched-entries")
    handle = sandbox.files.watch_dir("watched-entries", include_entry=True)
    seen = []
    sandbox.files.write("watched-entries/a.txt", "12345")
    until(
        "the write is seen", lambda: ("a.txt", FilesystemEventType.WRITE) in changes(handle, seen)
    )
    entry = next(event.entry for event in seen if event.type == FilesystemEventType.WRITE)
    assert (entry.name, entry.type, entry.path) == (
        "a.txt",
        FileType.FILE,
        "/home/user/watched-entries/a.txt",
    )
    handle.stop()


def test_only_a_folder_is_watched(sandbox):
    sandbox.files.write("file", "x")
    with pytest.raises(InvalidArgumentException):
        sandbox.files.watch_dir("file")
    with pytest.raises(FileNotFoundException):
        sandbox.files.watch_dir("nowhere")
