"""Compares fitted weights with the true ones. Its argument is the folder of the artifact."""

import json
import os
import sys
from pathlib import Path

TRUE_WEIGHTS = [2.0, -3.0, 0.5]

weights = json.loads((Path(sys.argv[1]) / "weights.json").read_text())
error = max(abs(a - b) for a, b in zip(weights, TRUE_WEIGHTS, strict=True))
(Path(os.environ["PAWL_OUTPUTS"]) / "metrics.json").write_text(json.dumps({"error": error}))
