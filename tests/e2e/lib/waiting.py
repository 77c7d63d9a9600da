"""Waiting for a condition instead of sleeping."""

import time

LIMIT_SEC = 60


def wait_until(condition, what="a condition", limit=LIMIT_SEC):
    """Calls `condition` until it returns something true, and returns that. Fails the test after `limit` seconds."""
    end = time.monotonic() + limit
    pause = 0.002
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {limit} seconds in vain for {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
