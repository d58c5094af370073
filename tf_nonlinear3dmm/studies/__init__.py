"""The paper's experiments: many models on the same data, their tables, figures and report.

`schedule` says what is trained and measured and in which order; a part that is done is not done
again. The other files are one experiment each.
"""
