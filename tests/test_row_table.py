"""Tables of rows: what is found, replaced and applied."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from reference.masked_logits import masked_logits

from gramask import GramaskError, RowTable
from gramask.logits import slots as slots_module
from gramask.logits.patches import checked_patches, patch_offsets
from gramask.logits.row_table import UNCONSTRAINED
from gramask.logits.slots import Slots

N_LOGITS = 70
N_WORDS = 3


def row(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(-(2**31), 2**31, N_WORDS).astype(np.int32)


def applied(table: RowTable, ids: Any, n_rows: int | None = None, **options: Any) -> list[list[float]]:
    logits = np.ones((len(ids) if n_rows is None else n_rows, N_LOGITS), np.float32)
    table.apply(logits, ids, **options)
    return logits.tolist()


def expected(
    rows: list[np.ndarray], targets: Any = None, n_rows: int | None = None, patches: Any = ()
) -> Any:
    logits = np.ones((len(rows) if n_rows is None else n_rows, N_LOGITS)).tolist()
    return masked_logits(logits, [r.tolist() for r in rows], targets or range(len(rows)), patches)


class Tables(RuleBasedStateMachine):
    """A table of few rows beside a model: all rows by id, and the steps in which ids were last used."""

    @initialize(capacity=st.integers(1, 5), first=st.integers(1, 5))
    def start(self, capacity: int, first: int) -> None:
        self.before = slots_module._FIRST_ROWS
        slots_module._FIRST_ROWS = first
        self.table = RowTable(N_LOGITS, capacity=capacity)
        self.rows: dict[int, np.ndarray] = {}
        self.live: set[int] = set()
        self.used: dict[int, int] = {}
        self.step = 0

    def teardown(self) -> None:
        if hasattr(self, "before"):
            slots_module._FIRST_ROWS = self.before

    @rule(number=st.integers(0, 9))
    def put(self, number: int) -> None:
        known = [i for i in self.live if (self.rows[i] == row(number)).all()]
        busy = {i for i in self.live if self.used[i] == self.step}
        if not known and len(busy) == self.table.capacity:
            with pytest.raises(GramaskError, match="capacity"):
                self.table.put(row(number))
            return
        found = self.table.put(row(number))
        if known:
            assert [found] == known
        else:
            assert found not in self.rows
            if len(self.live) == self.table.capacity:
                oldest = min(self.used[i] for i in self.live)
                # Which of several is not said; the table is asked.
                gone = [i for i in self.live if self.used[i] == oldest and not self.is_there(i)]
                assert len(gone) == 1 and oldest < self.step
                self.live -= {*gone}
            self.live.add(found)
        self.rows[found] = row(number)
        self.used[found] = self.step

    def is_there(self, number: int) -> bool:
        try:
            self.table._slots.of_ids(np.array([number]))
        except GramaskError:
            return False
        return True

    @rule(data=st.data())
    def keep(self, data: Any) -> None:
        if self.live:
            number = data.draw(st.sampled_from(sorted(self.live)))
            self.table.keep([number])
            self.used[number] = self.step

    @rule(data=st.data())
    def apply(self, data: Any) -> None:
        if not self.live:
            return
        ids = data.draw(st.lists(st.sampled_from(sorted(self.live)), max_size=6))
        assert applied(self.table, ids) == expected([self.rows[i] for i in ids])
        self.used |= dict.fromkeys(ids, self.step)
        self.step += 1

    @rule(data=st.data())
    def apply_a_replaced_one(self, data: Any) -> None:
        gone = sorted(set(self.rows) - self.live)
        if gone:
            ids = [*sorted(self.live), data.draw(st.sampled_from(gone))]
            logits = np.ones((len(ids), N_LOGITS), np.float32)
            with pytest.raises(GramaskError, match="not any more"):
                self.table.apply(logits, ids)
            assert (logits == 1).all()

    @invariant()
    def bounded(self) -> None:
        if hasattr(self, "table"):
            assert len(self.table) == len(self.live) <= self.table.capacity


TestTables = Tables.TestCase
TestTables.settings = settings(max_examples=100, stateful_step_count=30)


def test_the_least_recently_used_row_goes_first() -> None:
    table = RowTable(N_LOGITS, capacity=3)
    a, b, c = (table.put(row(n)) for n in range(3))
    applied(table, [a, b, c])
    applied(table, [b])
    applied(table, [a])
    table.put(row(3))
    applied(table, [a, b])
    with pytest.raises(GramaskError, match="not any more"):
        applied(table, [c])
    assert table.put(row(0)) == a


def test_a_copy_is_kept() -> None:
    table, words = RowTable(N_LOGITS), row(0)
    number = table.put(words)
    words[:] = 0
    assert applied(table, [number]) == expected([row(0)])


def test_rows_of_equal_fingerprints_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gramask.masks.row_store.fingerprint", lambda words, multipliers: 7)
    table = RowTable(N_LOGITS, capacity=2)
    a, b = table.put(row(0)), table.put(row(1))
    assert a != b and table.put(row(0)) == a and table.put(row(1)) == b
    applied(table, [a, b])
    c = table.put(row(2))
    assert applied(table, [c]) == expected([row(2)])
    assert len(table) == 2


def test_replaced_rows_are_forgotten() -> None:
    table = RowTable(N_LOGITS, capacity=2)
    for n in range(50):
        applied(table, [table.put(row(n))])
    assert sorted(slot for slots in table._slots._by_key.values() for slot in slots) == [0, 1]
    assert len(table._slots._by_key) == 2


def test_growing_keeps_rows() -> None:
    table = RowTable(N_LOGITS, capacity=300)
    ids = [table.put(row(n)) for n in range(300)]
    assert len(set(ids)) == 300
    assert applied(table, ids) == expected([row(n) for n in range(300)])


patch_lists = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 32 * N_WORDS - 1), st.integers(0, 1)), max_size=12
)


@given(targets=st.lists(st.integers(0, 2), min_size=4, max_size=4), patches=patch_lists)
def test_patches(targets: list[int], patches: Any) -> None:
    table = RowTable(N_LOGITS)
    numbers = [0, 1, 0, 2]
    ids = [table.put(row(n)) for n in numbers]
    found = applied(table, ids, n_rows=3, indices=targets, patches=patches)
    assert found == expected([row(n) for n in numbers], targets, 3, patches)
    # The rows themselves are as they were.
    assert applied(table, ids) == expected([row(n) for n in numbers])


@given(free=st.lists(st.booleans(), min_size=4, max_size=4), patches=patch_lists)
def test_unconstrained_sequences(free: list[bool], patches: Any) -> None:
    table = RowTable(N_LOGITS)
    ids = [UNCONSTRAINED if free[n] else table.put(row(n)) for n in range(4)]
    if any(free[patch[0]] for patch in patches):
        with pytest.raises(GramaskError, match="id is -1"):
            applied(table, ids, patches=patches)
        return
    full = np.full(N_WORDS, -1, np.int32)
    found = applied(table, ids, patches=patches)
    assert found == expected([full if free[n] else row(n) for n in range(4)], patches=patches)


@given(patches=patch_lists)
def test_offsets_of_patches(patches: Any) -> None:
    checked = checked_patches(patches, 4, 32 * N_WORDS)
    last = {(i, token): value for i, token, value in patches}
    if checked is None:
        assert not patches
        return
    offsets = patch_offsets(checked, 4)
    for i in range(4):
        mine = checked[offsets[i] : offsets[i + 1]].tolist()
        assert mine == [[i, token, last[i, token]] for j, token in sorted(last) if j == i]


@pytest.mark.parametrize(
    "patches", [[(4, 0, 1)], [(-1, 0, 1)], [(0, 96, 1)], [(0, 0, 2)], [(0, 1)], [(0.0, 1.0, 1.0)], [1, 2, 3]]
)
def test_refused_patches(patches: Any) -> None:
    table = RowTable(N_LOGITS)
    ids = [table.put(row(0))] * 4
    with pytest.raises(GramaskError, match="patch") as caught:
        applied(table, ids, patches=patches)
    assert caught.value.hint


@pytest.mark.parametrize(
    "words", [row(0)[:2], row(0).astype(np.int64), row(0)[None], row(0).tolist(), np.repeat(row(0), 2)[::2]]
)
def test_refused_rows(words: Any) -> None:
    with pytest.raises(GramaskError, match="contiguous int32"):
        RowTable(N_LOGITS).put(words)


def test_refused_ids_and_sizes() -> None:
    table = RowTable(N_LOGITS)
    number = table.put(row(0))
    for ids in ([5], [-2], [number, 10**15], [0.5], [[number]]):
        with pytest.raises(GramaskError):
            applied(table, ids)
    with pytest.raises(GramaskError, match="indices"):
        applied(table, [number], n_rows=2)
    with pytest.raises(GramaskError):
        RowTable(N_LOGITS, capacity=0)


def test_no_sequences() -> None:
    assert applied(RowTable(N_LOGITS), []) == []


def test_numpy_needs_no_torch() -> None:
    code = """
import sys, numpy as np, gramask
table = gramask.RowTable(40)
logits = np.zeros((2, 40), np.float32)
table.apply(logits, [table.put(np.array([1, 0], np.int32)), -1], patches=[(0, 39, 1)])
gramask.apply_mask(logits, np.array([[3, -1], [-1, 0]], np.int32))
print(np.isfinite(logits).sum(axis=1).tolist(), "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[2, 32] False"


class TestDeviceRows:
    """What a device is sent, tried with the host in the part of the device."""

    @given(
        steps=st.lists(st.tuples(st.lists(st.integers(0, 9), max_size=4), patch_lists), max_size=6),
        data=st.data(),
    )
    @settings(max_examples=50)
    def test_steps(self, steps: Any, data: Any) -> None:
        torch = pytest.importorskip("torch")
        from gramask.logits.device_rows import DeviceRows

        table = RowTable(N_LOGITS, capacity=5)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(slots_module, "_FIRST_ROWS", 2)
            table._slots = Slots(N_WORDS, 5)
        table._device_rows = DeviceRows(table._slots, "cpu")
        for numbers, wanted in steps:
            patches = [one for one in wanted if one[0] < len(numbers)]
            targets = data.draw(st.permutations(range(len(numbers))))
            if len(targets) > 1 and data.draw(st.booleans()):
                targets[0] = targets[1]
            logits = torch.ones(len(numbers), N_LOGITS, dtype=torch.bfloat16)
            table.apply(logits, [table.put(row(n)) for n in numbers], targets, patches=patches)
            assert logits.tolist() == expected([row(n) for n in numbers], targets, None, patches)

    def test_only_new_rows_travel(self) -> None:
        torch = pytest.importorskip("torch")
        from gramask.logits.device_rows import DeviceRows

        table = RowTable(N_LOGITS)
        table._device_rows = DeviceRows(table._slots, "cpu")
        sent = []
        send = table._device_rows._send
        table._device_rows._send = lambda numbers: (sent.append(numbers.size), send(numbers))[1]
        for _ in range(2):
            ids = [table.put(row(n)) for n in (0, 1, 0)]
            table.apply(torch.ones(3, N_LOGITS), ids)
        assert sent == [2 * N_WORDS, 2, 6, 6]

    def test_another_device_is_refused(self) -> None:
        torch = pytest.importorskip("torch")
        table = RowTable(N_LOGITS)
        number = table.put(row(0))
        with pytest.raises(GramaskError, match="meta") as caught:
            table.apply(torch.ones(1, N_LOGITS, device="meta"), [number])
        assert "RowTable(" in str(caught.value.hint)

    @pytest.mark.gpu
    def test_on_cuda(self) -> None:
        torch = pytest.importorskip("torch")
        table = RowTable(N_LOGITS, capacity=4, device="cuda")
        rng = np.random.default_rng(0)
        for _ in range(50):
            numbers = rng.integers(0, 9, 4).tolist()
            patches = [(int(rng.integers(4)), int(rng.integers(96)), int(rng.integers(2))) for _ in range(3)]
            logits = torch.ones(4, N_LOGITS, device="cuda", dtype=torch.bfloat16)
            table.apply(logits, [table.put(row(n)) for n in numbers], [2, 0, 0, 1], patches=patches)
            assert logits.tolist() == expected([row(n) for n in numbers], [2, 0, 0, 1], 4, patches)
