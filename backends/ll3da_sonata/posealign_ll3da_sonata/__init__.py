"""LL3DA over a frozen Sonata encoder, with PoseAlign."""
