"""Pairs of int32, runs of pairs, and sparse matrices of pairs: what the rasterizer is made of.

`Int64` handles a pair as one int64 number: a run of pairs is then one `RaggedRange` and the nearest
of many fragments one `unsorted_segment_min`. `Int32` does the same with int32 alone.
"""

import tensorflow as tf


class Int64:
    """A pair (low, high) is the number low + 2^32 high."""

    @staticmethod
    def pairs(low, high):
        """`[..., 2]` int32 of two `[...]` int32."""
        return _weave([low, high])

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
        place = tf.range(tf.size(row)) - pick(tf.cumsum(count, exclusive=True), row)
        low, high = columns(pick(start, row))
        return tf.stack([low + place + 1, high], axis=1)

    @staticmethod
    def smallest(pairs, where, size):
        low, high = tf.unstack(pairs, axis=1)
        least = tf.math.unsorted_segment_min(high, where, size)
        low = tf.where(high > pick(least, where), tf.int32.max, low)
        least = tf.math.unsorted_segment_min(low, where, size)
        return tf.where(least < tf.int32.max, least, -1)


def places(condition):
    """The places `[N]` int32 where `condition` `[M]` holds."""
    return tf.reshape(tf.cast(tf.where(condition), tf.int32), [-1])


def pick(values, rows):
    """`values[rows]`: faster than `tf.gather`, but its gradient is slow (see `take`)."""
    return tf.gather_nd(values, rows[..., tf.newaxis])


def columns(rows):
    """The columns of `[N, K]`, each `[N]`."""
    return tf.unstack(rows, axis=1)


def rows(columns):
    """`[N, K]` of K columns `[N]`. Two or four of 32 bits are woven, faster than a transpose."""
    if len(columns) not in (2, 4) or columns[0].dtype.size != 4:
        return tf.transpose(tf.stack(columns))

    @tf.custom_gradient
    def run(*columns):
        return _weave(columns), lambda upstream: tf.unstack(upstream, axis=1)

    return run(*columns)


def _weave(columns):
    """Two or four columns of 32 bits side by side. Bits are only moved; no arithmetic sees them."""
    parts = [tf.bitcast(column, tf.float32) for column in columns]
    while len(parts) > 1:
        parts = [tf.complex(*parts[k : k + 2]) for k in range(0, len(parts), 2)]
        if len(parts) > 1:
            parts = [tf.bitcast(part, tf.float64) for part in parts]
    return tf.bitcast(parts[0], columns[0].dtype)


def dot(a, b):
    """The sum of `a * b` over the last axis: of few columns, one by one is faster."""
    if a.shape[-1] is None or a.shape[-1] > 8:
        return tf.reduce_sum(a * b, axis=-1)
    return sum(a[..., k] * b[..., k] for k in range(a.shape[-1]))


def spread(pairs, weights, values, size):
    """A sparse matrix times a dense one: `out[row] += weight * values[column]` for every pair.

    Args:
        pairs: `[N, 2]` int32 (row, column).
        weights: `[N]`.
        values: `[K, C]`.
        size: number of rows of the matrix.

    Returns:
        `[size, C]`.

    Gradients:
        Reach `values` alone, by `collect`. On a CPU sums keep the order of the pairs.
    """

    @tf.custom_gradient
    def run(values):
        def backward(upstream):
            return collect(pairs, weights, upstream, tf.shape(values)[0])

        shape = tf.cast(tf.stack([size, tf.shape(values)[0]]), tf.int64)
        result = tf.raw_ops.SparseTensorDenseMatMul(
            a_indices=pairs, a_values=weights, a_shape=shape, b=values
        )
        return result, backward

    return run(values)


def spread_columns(pairs, weights, columns, size):
    """`spread` of values `[C, K]`, column by column; without gradient."""
    shape = tf.cast(tf.stack([size, tf.shape(columns)[1]]), tf.int64)
    return tf.raw_ops.SparseTensorDenseMatMul(
        a_indices=pairs, a_values=weights, a_shape=shape, b=columns, adjoint_b=True
    )


def collect(pairs, weights, values, size):
    """The adjoint of `spread`: `out[column] += weight * values[row]`, `[size, C]`."""
    shape = tf.cast(tf.stack([tf.shape(values)[0], size]), tf.int64)
    return tf.raw_ops.SparseTensorDenseMatMul(
        a_indices=pairs, a_values=weights, a_shape=shape, b=values, adjoint_a=True
    )


def take(values, rows):
    """`values[rows]` `[N, C]`: a gather whose gradient is dense and summed in a fixed order."""

    @tf.custom_gradient
    def run(values):
        def backward(upstream):
            return put(upstream, rows, tf.shape(values)[0])

        return pick(values, rows), backward

    return run(values)


def put(values, rows, size):
    """`[size, C]` with `values` `[N, C]` added at `rows` `[N]`: the adjoint of `take`."""
    pairs = Int64.pairs(rows, tf.range(tf.size(rows)))
    return spread(pairs, tf.ones_like(values[:, 0]), values, size)
