"""The door's thread pool."""

from __future__ import annotations

import threading
import time

from datapod_server.threads import Threads


def test_jobs_run_side_by_side_up_to_the_limit_and_all_of_them_in_the_end():
    threads = Threads(3)
    release, lock = threading.Event(), threading.Lock()
    running, most, done = [0], [0], threading.Semaphore(0)

    def job():
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        release.wait(5)
        with lock:
            running[0] -= 1
        done.release()

    for _ in range(10):
        threads.submit(job)
    release.set()
    assert all(done.acquire(timeout=5) for _ in range(10))
    assert most[0] <= 3
    threads.close()


def test_a_job_that_waits_for_another_job_is_given_a_thread_of_its_own():
    threads = Threads(8)
    inner, outer = threading.Event(), threading.Event()

    def ask():
        threads.submit(inner.set)
        if inner.wait(5):
            outer.set()

    threads.submit(ask)
    assert outer.wait(5)
    threads.close()


def test_idle_threads_end_and_new_ones_start_when_needed():
    threads = Threads(2, idle_seconds=0.01)
    for _ in range(5):
        done = threading.Event()
        threads.submit(done.set)
        assert done.wait(5)
    threads.close()


def test_threads_that_wait_do_not_count_and_are_not_too_many_when_they_are_back():
    threads = Threads(2)
    release, lock = threading.Event(), threading.Lock()
    running, most, done = [0], [0], threading.Semaphore(0)

    def slow():
        with threads.waiting():
            release.wait(5)
        done.release()

    def job():
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.01)
        with lock:
            running[0] -= 1
        done.release()

    for _ in range(20):
        threads.submit(slow)
    answered = threading.Event()
    threads.submit(answered.set)
    assert answered.wait(5)
    release.set()
    assert all(done.acquire(timeout=5) for _ in range(20))
    for _ in range(30):
        threads.submit(job)
    assert all(done.acquire(timeout=5) for _ in range(30))
    assert most[0] <= 2
    threads.close()


def test_a_wait_lets_jobs_run_that_were_already_in_the_queue():
    threads = Threads(1)
    queued, answered = threading.Event(), threading.Event()

    def slow():
        queued.wait(5)
        with threads.waiting():
            assert answered.wait(5)

    threads.submit(slow)
    threads.submit(answered.set)
    queued.set()
    assert answered.wait(5)
    threads.close()
