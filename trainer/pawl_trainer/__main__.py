"""`python -m pawl_trainer`: speaks schemas/job.schema.json on stdin and schemas/event.schema.json on stdout."""

import os
import sys

# Threads that wait must sleep. By default OpenMP's spin, and two trainers on the same cores are then 25 times slower than
# one (docs/decisions.md); it is read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from pawl_trainer.serve import main

sys.exit(main())
