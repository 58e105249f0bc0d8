"""The engine over PostgreSQL and Milvus, on real servers: `make cluster` installs and starts them."""
