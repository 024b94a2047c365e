"""Room for decoded images: bounded, never a dead end, and given back."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from serving.engine.room import DecodedRoom
from tests.serving.conftest import wait_for


def wanted() -> bool:
    return False


def test_what_fits_is_let_in_and_the_rest_waits_for_it() -> None:
    room = DecodedRoom(100)
    assert room.take(60, wanted)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(room.take, 60, wanted)
        assert not waiting.done()
        room.give(60)
        assert waiting.result(10)
    assert room.held == 60


def test_what_is_larger_than_all_the_room_is_let_in_alone() -> None:
    room = DecodedRoom(100)
    assert room.take(1000, wanted)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(room.take, 1, wanted)
        room.give(1000)
        assert waiting.result(10)


def test_small_ones_do_not_keep_a_large_one_out() -> None:
    room = DecodedRoom(100)
    assert room.take(50, wanted)
    with ThreadPoolExecutor(2) as pool:
        large = pool.submit(room.take, 90, wanted)
        wait_for(large.running)
        time.sleep(0.2)
        small = pool.submit(room.take, 10, wanted)
        time.sleep(0.3)
        assert not small.done()
        room.give(50)
        assert large.result(10)
        assert small.result(10)
    assert room.held == 100


def test_what_is_given_up_waits_no_longer() -> None:
    room, gone = DecodedRoom(100), threading.Event()
    room.take(100, wanted)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(room.take, 1, gone.is_set)
        gone.set()
        assert waiting.result(10) is False
    assert room.held == 100


def test_nobody_waits_in_a_closed_room() -> None:
    room = DecodedRoom(100)
    room.take(100, wanted)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(room.take, 1, wanted)
        room.close()
        wait_for(waiting.done)
        assert waiting.result() is False
