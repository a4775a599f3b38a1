"""Pawl's trainer: a resident process that runs training jobs. The only place with gradients.

One file a step verb (code_search, model_init, model_load, sft, encode, reason, rollout, update), each readable from top
to bottom; what they share lies beside them, one thing a file. The process itself is serve.py.
"""
