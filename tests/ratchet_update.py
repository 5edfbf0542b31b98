"""Grade the official test suite and record the grades that tests/test_suite.py holds on to.

python tests/ratchet_update.py            grade all drafts, record, print the table
python tests/ratchet_update.py --table    print the table, record nothing
python tests/ratchet_update.py --wrong    also a line for each instance that is neither right nor refused
python tests/ratchet_update.py draft7     one draft only
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from official_suite import (
    DRAFTS,
    GRADES,
    RECORDS,
    Graded,
    grade_draft,
    is_required,
    read_record,
    worse,
    write_record,
)


def print_table(graded: dict[str, dict[str, Graded]]) -> None:
    print(f"{'':<24}" + "".join(f"{grade:>14}" for grade in GRADES) + f"{'right, %':>10}")
    reasons: Counter[str] = Counter()
    for draft, found in graded.items():
        for required in (True, False):
            counts: Counter[str] = Counter()
            for name, file in found.items():
                if is_required(name) == required:
                    counts += file.counts
                    reasons += file.reasons
            label = draft + ("" if required else ", optional")
            share = 100 * counts["right"] / max(1, counts.total())
            print(f"{label:<24}" + "".join(f"{counts[grade]:>14}" for grade in GRADES) + f"{share:>10.1f}")
    print("refusals and errors: " + ", ".join(f"{reason} {n}" for reason, n in reasons.most_common(40)))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("drafts", nargs="*", choices=[*DRAFTS, []], help="(all)")
    parser.add_argument("--table", action="store_true", help="record nothing")
    parser.add_argument("--wrong", action="store_true", help="print what is neither right nor refused")
    chosen = parser.parse_args(arguments)
    began = time.perf_counter()
    graded = {draft: grade_draft(draft) for draft in chosen.drafts or DRAFTS}
    print_table(graded)
    for draft, found in graded.items():
        before = read_record(draft)
        for name, file in found.items():
            if chosen.wrong:
                print("\n".join(f"{draft}: {line}" for line in file.wrong), end="\n" if file.wrong else "")
            recorded = before["required" if is_required(name) else "optional"].get(name)
            for way in worse(recorded, file.record()) if recorded else []:
                print(f"WORSE {draft} {name}: {way}")
        if not chosen.table:
            write_record(draft, found)
    print(f"{time.perf_counter() - began:.1f} s" + ("" if chosen.table else f", recorded in {RECORDS}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
