"""How fast each runtime trains each model, measured side by side in one run.

`pairs bench` runs the pytest-benchmark suites of this folder (`test_*.py`) and writes the report.
`docs/speed.md` says what is measured and what came out; `plan.py` defines the words used here.
"""
