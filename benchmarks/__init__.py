"""How fast each way of running a model is, measured side by side in one run.

`pairs bench` runs the pytest-benchmark suites of this folder (`test_*.py`) and writes the report.
`docs/speed.md` says what is measured and what came out.
"""
