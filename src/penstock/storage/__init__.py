"""Files and folders wherever they are: local, s3, gs. Published whole or not at all, fetched once, tried again."""
