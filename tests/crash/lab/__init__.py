"""The crash lab: the real processes on real servers under faults planned by a seed, and a checker that knows what was promised.

    python -m tests.crash.lab --in-turn --seeds 20 --seed 1          # or: make crash SEEDS=20 SEED=1

| module | what it does |
|---|---|
| `plan` | seed to schedule, fixed before anything starts and written to `run.json` |
| `site` | the automations of a run, its records and the bodies that are sent |
| `supervise` | servers and processes of one run; starts again what dies |
| `proxy` | a TCP proxy on each edge: delay, cut, lost answers, half-closed, trickle, black hole |
| `sender` | sends as Procore does, and logs what was acknowledged |
| `operator` | a person who edits, pauses, retries and rotates meanwhile |
| `nemesis` | does what the plan says, when it says it |
| `watch` | asks for the health all the time; in some runs a clean-up that keeps nothing |
| `batch` | many storms side by side |
| `settle` | waits, with nothing repaired by hand |
| `evidence` | all that is known afterwards, as plain data |
| `check` | from evidence to violations; a pure function |
| `inside/` | what only the children of a run load: shorter times, probes, planted bugs |
"""
