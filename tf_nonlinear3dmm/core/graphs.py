"""Graphs of functions that have no Python control flow over tensors, as none of ours has.

    @graphs.function
    def run(images): ...

AutoGraph, which would look for it, takes longer than tracing the function. `as_is` keeps it from
the functions that `tf.data` maps.
"""

import functools

import tensorflow as tf

function = functools.partial(tf.function, autograph=False)
as_is = tf.autograph.experimental.do_not_convert
