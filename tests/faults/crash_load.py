"""The mixed load of the crash harness: clients that ask for everything, and an operator who runs every command."""

import random
import shutil
import threading
import time

from crash_control import WARM
from crash_world import complaint

CLIENTS, ASKED = 4, 8
EXECUTED_SEC = 0.01
NOMINATES = 0.15  # how often upstream nominates another build
TRIES, PAUSE_SEC = 8, 0.1  # as a client does whose mirror is being started again
SPARED_SEC = 1000  # prune spares what was used in the last ten minutes: its clock is ahead
COMMANDS = ("warm", "warm", "prune", "prune", "verify", "adopt", "fold", "estimate", "bundle")
CLASSES = ("stable", "dev", "package", "artifact")
REFUSED = 3  # exit status of a command that found something bad: nothing here is


class Load:
    """One round of it. `problems` are sentences, `answers` counts the complete ones that were compared."""

    def __init__(self, world, control, rng, number):
        self.world, self.control, self.number = world, control, number
        self.seeds = [rng.random() for _ in range(CLIENTS)]
        self.commands = [(rng.choice(COMMANDS), rng.choice(CLASSES)) for _ in range(2)]
        self.nominates = rng.random() < NOMINATES
        self.deleted = rng.sample(sorted(world.truth), 4)
        self.lock = threading.Lock()
        self.problems, self.answers, self.statuses = [], 0, {}

    def run(self):
        self.delete_by_hand()
        self.world.change_index(self.number)
        self.world.nominated += self.nominates
        threads = [threading.Thread(target=self.guard, args=(self.client, random.Random(seed))) for seed in self.seeds]
        threads.append(threading.Thread(target=self.guard, args=(self.operator,)))
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(EXECUTED_SEC)
                self.control.execute()

    def guard(self, function, *arguments):
        try:
            function(*arguments)
        except Exception as error:  # a thread's failure is the round's
            self.complain(f"{function.__name__}: {type(error).__name__}: {error}")

    def complain(self, text):
        with self.lock:
            self.problems.append(text)

    # -- clients

    def client(self, rng):
        paths = sorted(self.world.truth)
        for _ in range(ASKED):
            kind = rng.choices(("file", "gone", "range", "index", "page"), (8, 6, 3, 1, 1))[0]
            path = rng.choice(self.deleted if kind == "gone" else paths)
            for _ in range(TRIES):
                problem, again = self.ask_once(rng, kind, path)
                if problem:
                    self.complain(f"answer: {problem}")
                if not again:
                    break
                time.sleep(PAUSE_SEC)

    def ask_once(self, rng, kind, path):
        """What is wrong with the answer, and whether a client would ask again."""
        try:
            problem, answer = self.ask(rng, kind, path)
        except ConnectionError:
            return "", True
        return problem, not answer.whole or answer.status in (500, 502, 503)

    def ask(self, rng, kind, path):
        mirror = self.world.mirror
        if kind == "index":
            answer = self.count(mirror.get("/zig/index.json"))
            return self.world.judge_index(answer), answer
        if kind == "page":
            page = rng.choice(("/", "/-/health", "/-/status", "/-/metrics", "/-/provenance/" + path))
            return "", self.count(mirror.get(page))
        span, headers = None, {}
        if kind == "range":
            first = rng.randrange(len(self.world.truth[path]))
            span = first, rng.randrange(first, len(self.world.truth[path]))
            headers = {"Range": f"bytes={span[0]}-{span[1]}"}
        answer = self.count(mirror.get("/" + path, headers))
        return self.world.judge(path, answer, span), answer

    def count(self, answer):
        with self.lock:
            self.answers += answer.whole
            key = answer.status if answer.whole else "cut"
            self.statuses[key] = self.statuses.get(key, 0) + 1
        return answer

    # -- the operator

    def delete_by_hand(self):
        """As the manual allows: a file below store/, its link stays."""
        for path in self.deleted:
            link = self.world.mirror.state / "public" / path
            if link.exists():
                link.resolve().unlink()

    def operator(self):
        for name, kind in self.commands:
            if name == "bundle":
                folder = self.world.folder / "bundle"
                shutil.rmtree(folder, ignore_errors=True)
                self.run_command("export", str(folder))
                if folder.exists():
                    self.run_command("import", str(folder))
                shutil.rmtree(folder, ignore_errors=True)
            elif name == "prune":
                self.control.later(WARM, SPARED_SEC)
                self.run_command("prune", "--class", kind, "--days", "0")
                self.control.later(WARM, 0)
            elif name == "adopt":
                self.run_command("adopt", str(self.world.mirror.state))
            else:
                self.run_command(name)

    def run_command(self, *words):
        status, text = self.world.command(*words)
        if status == REFUSED:
            self.complain(f"refused: {' '.join(words)}: {text[-600:]}")
        if complaint(text):
            self.complain(f"sanitizer: {' '.join(words)}: {complaint(text)}")
