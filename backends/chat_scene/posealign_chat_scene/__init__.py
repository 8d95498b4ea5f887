"""Chat-Scene with PoseAlign: object identifiers and object-centric tokens before an LLM."""
