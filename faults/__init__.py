"""The suites that injure arcli: kills, power losses, full disks, damage, many at once, hostile input, load.

`python -m faults` runs a part of each (what `make faults` does); `--full` runs parts at full size, to be
resumed where they were stopped. docs/appendix/faults.md shows what they found.
"""
