"""Pairs of int32, runs of pairs, and sparse matrices of pairs: what the rasterizer is made of.

`Int64` handles a pair as one int64 number: a run of pairs is then one `RaggedRange` and the nearest
of many fragments one `unsorted_segment_min`. `Int32` does the same with int32 alone.
"""

import tensorflow as tf


class Int64:
    """A pair (low, high) is the number low + 2^32 high."""

    @staticmethod
    def pairs(low, high):
        """`[..., 2]` int32 of two `[...]` int32. Bits are only moved; no arithmetic sees them."""
        pair = tf.complex(tf.bitcast(low, tf.float32), tf.bitcast(high, tf.float32))
        return tf.bitcast(tf.bitcast(pair, tf.int64), tf.int32)

    @staticmethod
    def runs(start, count):
        """(low + 1, high), (low + 2, high), ... (low + count, high) for every pair in turn.

        Args:
            start: `[N, 2]` int32 pairs (low, high).
            count: `[N]` int32.

        Returns:
            `[sum(count), 2]` int32 pairs.
        """
        one = tf.ones([], tf.int64)
        start = tf.bitcast(start, tf.int64) + one
        limit = start + tf.cast(count, tf.int64)
        runs = tf.raw_ops.RaggedRange(starts=start, limits=limit, deltas=one, Tsplits=tf.int64)
        return tf.bitcast(runs.rt_dense_values, tf.int32)

    @staticmethod
    def smallest(pairs, where, size):
        """The low number of the smallest pair, by its high number first, at each of `size` places.

        Args:
            pairs: `[N, 2]` int32; low numbers are not negative.
            where: `[N]` int32 places.
            size: how many places there are.

        Returns:
            `[size]` int32, -1 where no pair lies.
        """
        smallest = tf.math.unsorted_segment_min(tf.bitcast(pairs, tf.int64), where, size)
        return tf.cast(smallest, tf.int32)  # keeps the low half; an empty place's is all ones


class Int32:
    """The same without int64, for devices that lack its kernels."""

    @staticmethod
    def pairs(low, high):
        return tf.stack([low, high], axis=-1)

    @staticmethod
    def runs(start, count):
        row = tf.repeat(tf.range(tf.size(count)), count)
        place = tf.range(tf.size(row)) - tf.gather(tf.cumsum(count, exclusive=True), row)
        low, high = tf.unstack(tf.gather(start, row), axis=1)
        return tf.stack([low + place + 1, high], axis=1)

    @staticmethod
    def smallest(pairs, where, size):
        low, high = tf.unstack(pairs, axis=1)
        least = tf.math.unsorted_segment_min(high, where, size)
        low = tf.where(high > tf.gather(least, where), tf.int32.max, low)
        least = tf.math.unsorted_segment_min(low, where, size)
        return tf.where(least < tf.int32.max, least, -1)


def columns(rows):
    """The columns of `[N, K]`, each `[N]`."""
    return tf.unstack(tf.transpose(rows))


def rows(columns):
    """`[N, K]` of K columns `[N]`."""
    return tf.transpose(tf.stack(columns))


def spread(pairs, weights, values, size):
    """A sparse matrix times a dense one: `out[row] += weight * values[column]` for every pair.

    Args:
        pairs: `[N, 2]` int32 (row, column).
        weights: `[N]`.
        values: `[K, C]`.
        size: number of rows of the matrix.

    Returns:
        `[size, C]`.
    """
    shape = tf.cast(tf.stack([size, tf.shape(values)[0]]), tf.int64)
    return tf.raw_ops.SparseTensorDenseMatMul(
        a_indices=pairs, a_values=weights, a_shape=shape, b=values
    )


def collect(pairs, weights, values, size):
    """The adjoint of `spread`: `out[column] += weight * values[row]`, `[size, C]`."""
    shape = tf.cast(tf.stack([tf.shape(values)[0], size]), tf.int64)
    return tf.raw_ops.SparseTensorDenseMatMul(
        a_indices=pairs, a_values=weights, a_shape=shape, b=values, adjoint_a=True
    )
