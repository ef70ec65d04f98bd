"""Play one seed and print what happened: `python -m tests.faults.simulation SEED [--steps]`."""

import sys

from tests.faults.simulation.simulate import simulate

if __name__ == "__main__":
    report = simulate(int(sys.argv[1]), with_steps="--steps" in sys.argv)
    print("\n".join(report.lines))
    found = f"violations: {len(report.violations)}"
    print(f"-- {report.seconds:.0f} s, {report.steps} steps, {report.contracts} missions, {found}")
    sys.exit(bool(report.violations))
