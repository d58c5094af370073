"""Experiments: the paper's (`paper/`), the ablation, and the recovery of a pose.

A study is a list of parts (`schedule`) that train and measure models; a part that is done is not
done again.
"""
