"""A file system that loses what was not synced: reads the record of powercut_shim.so and makes the states that a power cut
could have left at any point of it.

What is promised by a file system, and no more: fsync of a file makes its bytes and its length last; fsync of a folder makes
the names in it last, as they are then. A change of names happens whole or not at all (rename is one change). What was not
synced may be there or not, each change by itself; of bytes each page by itself: what was there before it, or zeros where
nothing was."""

import dataclasses
import mmap
import pathlib
import posixpath
import shutil
import struct

LOG_BYTES = 256 * 1024 * 1024
ROOT_CAP = 256
HEADER = struct.Struct(f"iiq{ROOT_CAP}s")
RECORD = struct.Struct("iiqqq")
ALIGNMENT = 8
PAGE = 4096
CREATE, MAKE_FOLDER, SYMLINK, LINK, RENAME, REMOVE, WRITE, TRUNCATE, SYNC, SYNC_FOLDER = range(1, 11)
KINDS = ("", "create", "mkdir", "symlink", "link", "rename", "remove", "write", "truncate", "fsync", "fsync of a folder")
NAME_POLICIES = ("none", "all", "first", "some")
DATA_POLICIES = ("lost", "zeros", "torn", "kept")


class Recorder:
    """A copy of the library in a folder of its own, with its record beside it."""

    def __init__(self, library, folder):
        self.library = pathlib.Path(folder) / "powercut_shim.so"
        shutil.copy(library, self.library)
        with open(self.library.with_suffix(".log"), "w+b") as file:
            file.truncate(LOG_BYTES)
            self.map = mmap.mmap(file.fileno(), LOG_BYTES)

    def begin(self, root):
        self.map[: HEADER.size] = HEADER.pack(1, 0, 0, str(root).encode())

    def end(self):
        """The records: (kind, path, inode, offset, bytes)."""
        on, _, used, _ = HEADER.unpack(self.map[: HEADER.size])
        assert on == 1, "the record is not whole"
        self.map[:4] = bytes(4)
        found, at = [], HEADER.size
        while at < HEADER.size + used:
            kind, path_len, inode, offset, length = RECORD.unpack_from(self.map, at)
            begin = at + RECORD.size
            path = self.map[begin : begin + path_len].decode()
            found.append((kind, path, inode, offset, self.map[begin + path_len : begin + path_len + length]))
            at += -(-(RECORD.size + path_len + length) // ALIGNMENT) * ALIGNMENT
        return found


class File:
    """`synced` is what lasts, `now` what programs see; `dirty` are the pages that differ, `whole` that nothing does."""

    def __init__(self):
        self.synced, self.now, self.dirty = b"", bytearray(), set()
        self.resized = False

    def write(self, at, data):
        if len(self.now) < at:
            self.now.extend(bytes(at - len(self.now)))
        self.resized |= at + len(data) > len(self.now)
        self.now[at : at + len(data)] = data
        self.dirty.update(range(at // PAGE, (at + len(data) - 1) // PAGE + 1))

    def truncate(self, length):
        self.dirty.update(range(min(length, len(self.now)) // PAGE, max(length, len(self.now)) // PAGE + 1))
        if length < len(self.now):
            del self.now[length:]
        else:
            self.now.extend(bytes(length - len(self.now)))
        self.resized = True

    def sync(self):
        if not self.clean():
            self.synced = bytes(self.now)
        self.dirty.clear()
        self.resized = False

    def clean(self):
        return not self.dirty and not self.resized

    def after(self, policy, rng):
        """Its bytes after the cut."""
        if self.clean() or policy == "lost":
            return self.synced
        if policy == "kept":
            return bytes(self.now)
        out = bytearray(self.synced[: len(self.now)])
        out.extend(bytes(len(self.now) - len(out)))
        for page in self.dirty:
            if policy == "torn" and rng.random() < 0.5:
                end = min((page + 1) * PAGE, len(out))
                out[page * PAGE : end] = self.now[page * PAGE : end]
        return bytes(out)


@dataclasses.dataclass
class Link:
    target: str


FOLDER = "folder"


class Change:
    """Names that are given and taken together."""

    def __init__(self, names):
        self.names = names  # path -> File, Link, FOLDER or None
        self.folders = {posixpath.dirname(path) for path in names}


class Disk:
    """`lasting` are the names that survive, `pending` the changes since, in their order."""

    def __init__(self, folders):
        self.lasting = {path: FOLDER for path in folders}
        self.names = dict(self.lasting)
        self.pending = []
        self.inodes = {}


    def apply(self, record):
        kind, path, inode, offset, data = record
        if kind == CREATE:
            self.inodes[inode] = File()
            self.note({path: self.inodes[inode]})
        elif kind == MAKE_FOLDER:
            self.note({path: FOLDER})
        elif kind == SYMLINK:
            self.note({path: Link(data.decode())})
        elif kind in (LINK, RENAME):
            old, new = path, data.decode()
            changes = {new: self.names[old]}
            if kind == RENAME:
                changes[old] = None
            self.note(changes)
        elif kind == REMOVE:
            self.note({path: None})
        elif kind == WRITE:
            self.inodes[inode].write(offset, data)
        elif kind == TRUNCATE:
            self.inodes[inode].truncate(offset)
        elif kind == SYNC:
            self.inodes[inode].sync()
        elif kind == SYNC_FOLDER:
            self.sync_folder(path)

    def note(self, names):
        self.pending.append(Change(names))
        put(self.names, names)

    def sync_folder(self, folder):
        """What happened in it lasts; what happened before to the same names is of the past."""
        left = []
        for i, change in enumerate(self.pending):
            if folder in change.folders:
                put(self.lasting, change.names)
                for earlier in left:
                    for path in change.names:
                        earlier.names.pop(path, None)
            else:
                left.append(change)
        self.pending = [change for change in left if change.names]

    def cut(self, names_policy, data_policy, rng):
        """What is there afterwards: path -> bytes, Link or FOLDER. data_policy "any": of each file another one."""
        names = dict(self.lasting)
        kept = {"none": 0, "all": len(self.pending), "first": rng.randint(0, len(self.pending)), "some": len(self.pending)}[names_policy]
        for change in self.pending[:kept]:
            if names_policy != "some" or rng.random() < 0.5:
                put(names, change.names)
        state, contents = {}, {}
        for path, node in sorted(names.items()):
            above = posixpath.dirname(path)
            if above and state.get(above) != FOLDER:
                continue  # its folder was lost, and it with it
            if isinstance(node, File):
                if id(node) not in contents:
                    policy = rng.choice(DATA_POLICIES) if data_policy == "any" else data_policy
                    contents[id(node)] = node.after(policy, rng)
                node = contents[id(node)]
            state[path] = node
        return state


def put(names, changes):
    for path, node in changes.items():
        if node is None:
            names.pop(path, None)
        else:
            names[path] = node


def look_up(state, path):
    """What a path of a state leads to, its last link followed."""
    node = state.get(path)
    if isinstance(node, Link):
        return state.get(posixpath.normpath(posixpath.join(posixpath.dirname(path), node.target)))
    return node


def write_out(state, root, modified):
    """Makes a state on the disk. All files were last written at `modified`: before the machine last started."""
    import os

    for path, node in sorted(state.items()):
        place = pathlib.Path(root, path)
        if node == FOLDER:
            place.mkdir(exist_ok=True)
        elif isinstance(node, Link):
            place.symlink_to(node.target)
        else:
            place.write_bytes(node)
        if node != FOLDER:
            os.utime(place, (modified, modified), follow_symlinks=False)
