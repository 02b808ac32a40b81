-- roles: the three roles of Conductor. Run as the server's administrator, once; again does no harm.
--
-- conductor_owner   owns the database and migrates it (DATABASE_OWNER_URL)
-- conductor_app     the plain role of web, workers and commands (DATABASE_URL): it owns nothing
--                   and row-level security holds for it
-- conductor_lookup  nobody signs in as it; the few functions that see several accounts belong to it
--
-- Then give both a password:  ALTER ROLE conductor_owner PASSWORD '...'  (conductor_app likewise)
-- and make the database:      CREATE DATABASE conductor OWNER conductor_owner ENCODING 'UTF8' TEMPLATE template0
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'conductor_lookup') THEN
        CREATE ROLE conductor_lookup NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'conductor_owner') THEN
        CREATE ROLE conductor_owner LOGIN CREATEDB;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'conductor_app') THEN
        CREATE ROLE conductor_app LOGIN;
    END IF;
END
$$;

GRANT conductor_lookup TO conductor_owner;
