"""`python -m pawl_trainer`: speaks schemas/job.schema.json on stdin and schemas/event.schema.json on stdout."""

import sys

from pawl_trainer.serve import main

sys.exit(main(sys.argv[1:]))
