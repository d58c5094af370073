import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm.core import shapes


def test_sizes_that_agree_are_returned():
    sizes = shapes.check(a=(np.zeros([2, 7, 3]), "B V 3"), b=(tf.zeros([2, 2, 4]), "B 2 4"))
    assert sizes == {"B": 2, "V": 7}


def test_an_error_says_what_must_be_and_what_came():
    with pytest.raises(
        ValueError, match=r"`b` must have shape \[B, N, 9\] with B = 2, N = 7, got \[2, 8, 9\]\."
    ):
        shapes.check(a=(np.zeros([2, 7, 3]), "B N 3"), b=(np.zeros([2, 8, 9]), "B N 9"))


def test_the_rank_counts():
    with pytest.raises(ValueError, match=r"`a` must have shape \[B, 3\], got \[3\]"):
        shapes.check(a=(np.zeros([3]), "B 3"))


def test_leading_sizes_are_free_after_an_ellipsis():
    shapes.check(a=(np.zeros([5, 4, 3]), "... 3"), b=(np.zeros([3]), "... 3"))
    with pytest.raises(ValueError, match="must have shape"):
        shapes.check(a=(np.zeros([5, 4]), "... 3"))


def test_unknown_sizes_of_a_graph_match():
    @tf.function(input_signature=[tf.TensorSpec([None, None, 3])])
    def run(x):
        shapes.check(x=(x, "B V 3"), y=(tf.zeros([2, 5]), "B V"))
        return x

    run(tf.zeros([4, 5, 3]))
