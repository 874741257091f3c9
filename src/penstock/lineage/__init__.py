"""The memory: who made what from what, kept in ML Metadata, asked in the words of the house.

`port` says what a store can do, `records` what it speaks of, `open` finds the store at a URL, `mlmd` is the adapter for
ML Metadata (SQLite, MySQL, PostgreSQL, gRPC). `questions` compares runs and traces artifacts over the port; `listing`
says which of many runs are meant. Nothing above this floor imports `ml_metadata`.
"""
