"""Reading tables wherever they lie and however they are written: files, folders, stores; CSV and Parquet."""
