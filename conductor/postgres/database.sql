-- database: what the roles may do in one database. Run as its owner, before the first migration
-- (`manage.py migrate` does); again does no harm.
--
-- TRUNCATE is never granted: it is not subject to policies.
DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO conductor_app', current_database());
END
$$;

REVOKE CREATE ON SCHEMA public FROM public;
GRANT USAGE ON SCHEMA public TO conductor_app;
-- To hand it a function, a migration grants CREATE as well, for that moment.
GRANT USAGE ON SCHEMA public TO conductor_lookup;

ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO conductor_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO conductor_app;
