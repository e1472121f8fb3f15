"""Light import: what is put off or hidden while a library is imported, and found again afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from medloom.flows.light_import import light_import
with light_import(later=["heavy", "json"], never=["optional"]):
    import library
assert library.json is sys.modules["json"], "what was there is left alone"
assert library.optional is None and "heavy" not in sys.modules
import optional
import heavy
assert library.answer() == heavy.ANSWER == 42
"""


def test_modules_are_put_off_or_hidden_only_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "heavy.py").write_text("ANSWER = 42\n")
    (tmp_path / "optional.py").write_text("")
    (tmp_path / "library.py").write_text(
        "import heavy, json\n"
        "try:\n    import optional\nexcept ImportError:\n    optional = None\ndef answer():\n    return heavy.ANSWER\n"
    )
    script = tmp_path / "script.py"
    script.write_text("import json\n" + SCRIPT)
    subprocess.run([sys.executable, str(script)], check=True)
