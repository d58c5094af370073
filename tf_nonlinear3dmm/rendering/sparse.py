"""Gathers, scatters, ragged ranges and sparse products on int32 indices.

The rasterizer handles numbers in pairs (low, high), such as (pixel, span) or (triangle, depth). A
list of pairs is one `[N, 2]` int32 tensor, which is at once the `indices` of a sparse matrix and,
reinterpreted, N int64 numbers low + 2^32 high. What is faster on these takes `int64`; False does
the same with int32 alone, for devices that lack the kernels.
"""

from collections.abc import Sequence

import tensorflow as tf


def pairs(low: tf.Tensor, high: tf.Tensor) -> tf.Tensor:
    """`[..., 2]` int32 of two `[...]` int32: (low, high), or (row, column) of a sparse matrix."""
    return _interleave([low, high])


def ranges(start: tf.Tensor, count: tf.Tensor, int64: bool = True) -> tf.Tensor:
    """(low + 1, high), (low + 2, high), ... (low + count, high) for every pair in turn.

    Args:
        start: `[N, 2]` int32 pairs (low, high).
        count: `[N]` int32.
        int64: whether to compute with int64.

    Returns:
        `[sum(count), 2]` int32 pairs.
    """
    if int64:
        one = tf.ones([], tf.int64)
        start = tf.bitcast(start, tf.int64) + one
        limit = start + tf.cast(count, tf.int64)
        ragged = tf.raw_ops.RaggedRange(starts=start, limits=limit, deltas=one, Tsplits=tf.int64)
        return tf.bitcast(ragged.rt_dense_values, tf.int32)
    row = tf.repeat(tf.range(tf.size(count)), count)
    offset = tf.range(tf.size(row)) - gather(tf.cumsum(count, exclusive=True), row)
    low, high = tf.unstack(gather(start, row), axis=1)
    return tf.stack([low + offset + 1, high], axis=1)


def segment_argmin(
    pairs: tf.Tensor, segments: tf.Tensor, size: int | tf.Tensor, int64: bool = True
) -> tf.Tensor:
    """The low number of each segment's smallest pair; pairs compare by their high number first.

    Args:
        pairs: `[N, 2]` int32 (low, high); low numbers are not negative.
        segments: `[N]` int32, unsorted.
        size: number of segments.
        int64: whether to compute with int64.

    Returns:
        `[size]` int32, -1 for an empty segment.
    """
    if int64:
        smallest = tf.math.unsorted_segment_min(tf.bitcast(pairs, tf.int64), segments, size)
        return tf.cast(smallest, tf.int32)  # keeps the low half; an empty segment's is all ones
    low, high = tf.unstack(pairs, axis=1)
    least = tf.math.unsorted_segment_min(high, segments, size)
    low = tf.where(high > gather(least, segments), tf.int32.max, low)
    least = tf.math.unsorted_segment_min(low, segments, size)
    return tf.where(least < tf.int32.max, least, -1)


def flatnonzero(condition: tf.Tensor) -> tf.Tensor:
    """The indices `[N]` int32 at which `condition` `[M]` holds."""
    return tf.reshape(tf.cast(tf.where(condition), tf.int32), [-1])


def stack_columns(columns: Sequence[tf.Tensor]) -> tf.Tensor:
    """`tf.stack(columns, axis=1)`: `[N, K]` of K columns `[N]`, faster for 2 or 4 of 32 bits."""
    if len(columns) not in (2, 4) or columns[0].dtype.size != 4:
        return tf.transpose(tf.stack(columns))

    @tf.custom_gradient
    def run(*columns):
        return _interleave(columns), lambda upstream: tf.unstack(upstream, axis=1)

    return run(*columns)


def _interleave(columns):
    """Two or four columns of 32 bits side by side. Bits are only moved; no arithmetic sees them."""
    parts = [tf.bitcast(column, tf.float32) for column in columns]
    while len(parts) > 1:
        parts = [tf.complex(*parts[k : k + 2]) for k in range(0, len(parts), 2)]
        if len(parts) > 1:
            parts = [tf.bitcast(part, tf.float64) for part in parts]
    return tf.bitcast(parts[0], columns[0].dtype)


def dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """The sum of `a * b` over the last axis, column by column where there are few."""
    if a.shape[-1] is None or a.shape[-1] > 8:
        return tf.reduce_sum(a * b, axis=-1)
    return sum(a[..., k] * b[..., k] for k in range(a.shape[-1]))


def gather(values: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """`values[rows]`, faster than `tf.gather`; to differentiate it, use `gather_rows`."""
    return tf.gather_nd(values, rows[..., tf.newaxis])


def gather_rows(values: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """`values[rows]` `[N, C]`, whose gradient is dense and summed in a fixed order."""

    @tf.custom_gradient
    def run(values):
        def backward(upstream):
            return scatter_add(upstream, rows, tf.shape(values)[0])

        return gather(values, rows), backward

    return run(values)


def scatter_add(values: tf.Tensor, rows: tf.Tensor, size: int | tf.Tensor) -> tf.Tensor:
    """`[size, C]` with `values` `[N, C]` added at `rows` `[N]`: the adjoint of `gather_rows`."""
    indices = pairs(rows, tf.range(tf.size(rows)))
    return matmul(indices, tf.ones_like(values[:, 0]), values, size)


def matmul(
    indices: tf.Tensor, weights: tf.Tensor, values: tf.Tensor, size: int | tf.Tensor
) -> tf.Tensor:
    """A sparse matrix times a dense one: `out[row] += weight * values[column]`.

    Args:
        indices: `[N, 2]` int32 (row, column).
        weights: `[N]`.
        values: `[K, C]`.
        size: number of rows of the sparse matrix.

    Returns:
        `[size, C]`. On a CPU, sums keep the order of the indices.

    Gradients:
        Reach `values` alone, by the transposed matrix.
    """

    @tf.custom_gradient
    def run(values):
        def backward(upstream):
            return matmul_adjoint_a(indices, weights, upstream, tf.shape(values)[0])

        shape = tf.cast(tf.stack([size, tf.shape(values)[0]]), tf.int64)
        product = tf.raw_ops.SparseTensorDenseMatMul(
            a_indices=indices, a_values=weights, a_shape=shape, b=values
        )
        return product, backward

    return run(values)


def matmul_adjoint_a(
    indices: tf.Tensor, weights: tf.Tensor, values: tf.Tensor, size: int | tf.Tensor
) -> tf.Tensor:
    """The transposed matrix in `matmul`: `out[column] += weight * values[row]`, `[size, C]`."""
    shape = tf.cast(tf.stack([tf.shape(values)[0], size]), tf.int64)
    return tf.raw_ops.SparseTensorDenseMatMul(
        a_indices=indices, a_values=weights, a_shape=shape, b=values, adjoint_a=True
    )


def matmul_adjoint_b(
    indices: tf.Tensor, weights: tf.Tensor, columns: tf.Tensor, size: int | tf.Tensor
) -> tf.Tensor:
    """`matmul` of values given as `columns` `[C, K]`: `[size, C]`, without gradient."""
    shape = tf.cast(tf.stack([size, tf.shape(columns)[1]]), tf.int64)
    return tf.raw_ops.SparseTensorDenseMatMul(
        a_indices=indices, a_values=weights, a_shape=shape, b=columns, adjoint_b=True
    )
