"""The store on PostgreSQL: the same protocols as on SQLite (arcli.store.protocols), for many machines.

`database` connects and translates errors, `schema` makes the tables, `catalog` knows the channels, `targets`
holds what is in them, `transit` what is on its way into the index; `access` has accounts, counts and nonces.
"""
