"""Ids that sort by time, secrets that open only where they were sealed."""

import base64
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from domain.kit.ids import token, uuid7
from domain.kit.sealing import KeyRing, SealBroken, create_key_file, load_keyring, open_keyring
from domain.kit.slots import SLOTS, slot_of, slot_of_bot


def test_uuid7_sorts_by_creation_also_within_a_millisecond() -> None:
    made = [uuid7() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_uuid7_has_its_version_its_variant_and_the_time() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid7()
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000 + 10


def test_uuid7_keeps_its_order_when_the_clock_steps_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = uuid7()
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now - 3_600_000_000_000)
    assert uuid7() > first


def test_tokens_differ_and_carry_their_prefix() -> None:
    assert token("rx").startswith("rx_")
    assert token("rx") != token("rx")


def test_slots_are_fixed_for_life() -> None:
    # Rows carry these numbers: a change of the function would orphan them.
    assert (slot_of_bot(1001), slot_of_bot(777_000)) == (630, 166)
    assert all(0 <= slot_of(uuid7()) < SLOTS for _ in range(100))


def test_a_sealed_value_opens_with_its_key_in_its_place_only() -> None:
    ring = KeyRing(b"k" * 32)
    sealed = ring.seal("1001:AAA", place="bots.token|t|1001")
    assert ring.unseal(sealed, place="bots.token|t|1001") == "1001:AAA"
    assert b"1001:AAA" not in sealed
    for other, place in ((ring, "bots.token|t|1002"), (KeyRing(b"x" * 32), "bots.token|t|1001")):
        with pytest.raises(SealBroken):
            other.unseal(sealed, place=place)
    with pytest.raises(SealBroken):
        ring.unseal(sealed[:-1] + bytes([sealed[-1] ^ 1]), place="bots.token|t|1001")


def test_the_same_secret_is_never_sealed_to_the_same_bytes() -> None:
    ring = KeyRing(b"k" * 32)
    assert ring.seal("a", place="p") != ring.seal("a", place="p")


def test_macs_depend_on_purpose_value_and_key() -> None:
    ring = KeyRing(b"k" * 32)
    macs = {ring.mac("a", "1"), ring.mac("a", "2"), ring.mac("b", "1"), KeyRing(b"x" * 32).mac("a", "1")}
    assert len(macs) == 4
    assert all(len(mac) == 43 for mac in macs)


def test_the_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "key"
    create_key_file(path)
    first = path.read_bytes()
    create_key_file(path)
    assert path.read_bytes() == first
    assert path.stat().st_mode & 0o777 == 0o400
    assert load_keyring(path).derive("jwt") != load_keyring(path).derive("visitor")


def test_processes_that_start_together_get_one_key(tmp_path: Path) -> None:
    """The slow disk between "the file exists" and "the key is in it" is where the second process used to fail."""
    start = Barrier(8)

    def key(path: Path) -> bytes:
        start.wait()
        return open_keyring(path, create=True).derive("jwt")

    with ThreadPoolExecutor(8) as pool:
        for round_ in range(50):
            assert len(set(pool.map(key, [tmp_path / f"key-{round_}"] * 8))) == 1
    assert not list(tmp_path.glob(".key-*"))


@pytest.mark.parametrize("content", [b"not base64!", base64.b64encode(b"too short"), b""])
def test_a_wrong_key_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"key is not a secret key"):
        load_keyring(path)
