"""The point operations once more, in plain numpy and Python, as ll3da section 10 states them."""

from __future__ import annotations

import numpy as np


def fma(a, b, c):
    """a * b + c of float32, rounded to float32 once (but for a double rounding in 2^-29 cases)."""
    return (np.float64(a) * np.float64(b) + np.float64(c)).astype(np.float32)


def square(d):
    """Squared lengths of float32 vectors (..., 3)."""
    x, y, z = d[..., 0], d[..., 1], d[..., 2]
    return fma(z, z, fma(x, x, y * y))


def winner_of_a_block(values, eligible):
    """Row that the threads of the CUDA original agree on, by playing them."""
    n_threads = 1 << (min(len(values), 512).bit_length() - 1)
    best, row = [-1.0] * n_threads, [0] * n_threads
    for k, value in enumerate(values):
        if eligible[k] and value > best[k % n_threads]:
            best[k % n_threads], row[k % n_threads] = value, k
    stride = n_threads // 2
    while stride:
        for slot in range(stride):
            if best[slot + stride] > best[slot]:
                best[slot], row[slot] = best[slot + stride], row[slot + stride]
        stride //= 2
    return row[0]


def furthest(points, n_samples, *, skip_origin):
    """Rows (n_samples,) of points (N, 3) float32."""
    eligible = np.ones(len(points), dtype=bool)
    if skip_origin:
        eligible = square(points).astype(np.float64) > 1e-3
    nearest = np.full(len(points), 1e10, dtype=np.float32)
    chosen = [0] * min(n_samples, 1)
    while len(chosen) < n_samples:
        distance = square(points - points[chosen[-1]])
        nearest[eligible] = np.minimum(distance, nearest)[eligible]
        chosen.append(winner_of_a_block(nearest, eligible))
    return np.array(chosen, dtype=np.int64)


def ball(center, points, radius, n_samples):
    """Rows (n_samples,) of points (N, 3) around a centre (3,), both float32."""
    limit = np.float32(radius) * np.float32(radius)
    rows, n = [0] * n_samples, 0
    for k, distance in enumerate(square(center - points)):
        if distance < limit:
            if n == 0:
                rows = [k] * n_samples
            rows[n] = k
            n += 1
            if n == n_samples:
                break
    return np.array(rows, dtype=np.int64)
