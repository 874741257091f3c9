"""The lineage store on ML Metadata 1.17: SQLite, MySQL or MariaDB, PostgreSQL, or its gRPC server.

`connection` opens and retries, `values` says what a property can hold, `nodes` turns records into nodes and back,
`types` keeps the numbers of the types, `store` writes, `queries` reads. How things are kept, for those who read the
database with other tools:

- Context `penstock.Pipeline` per pipeline and `penstock.Run` per run; every execution is associated with both, every
  artifact attributed to both.
- Execution type `penstock.<component>`, artifact type `penstock.<Noun>`, fields as custom properties under their
  names in `records`; what a property cannot hold exactly is in the document `penstock.more` (see `values`).
- Events INPUT and OUTPUT; the path holds name and position: key, index, key, index when one artifact has two names.
"""
