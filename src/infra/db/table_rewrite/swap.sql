do $do$
declare
    names text[];
    indexes text[];
    numbers oid[];
    columns_of_table text;
    columns_of_copy text;
begin
    lock table TABLE in access exclusive mode;

    select string_agg(concat_ws(' ', attname, atttypid, atttypmod, attnotnull, attstattarget), ',' order by attname)
      into columns_of_table
      from pg_attribute where attrelid = cast('TABLE' as regclass) and attnum > 0 and not attisdropped;
    select string_agg(concat_ws(' ', attname, atttypid, atttypmod, attnotnull, attstattarget), ',' order by attname)
      into columns_of_copy
      from pg_attribute where attrelid = cast('TABLE_rewrite' as regclass) and attnum > 0 and not attisdropped;
    if columns_of_table <> columns_of_copy then
        raise exception 'the columns of the table changed' using errcode = '55000';
    end if;

    select array_agg('rewrite_' || indexrelid order by 'rewrite_' || indexrelid) into names
      from pg_index where indrelid = cast('TABLE' as regclass);
    if names is distinct from (select array_agg(cast(c.relname as text) order by cast(c.relname as text))
                                 from pg_index i join pg_class c on c.oid = i.indexrelid
                                where i.indrelid = cast('TABLE_rewrite' as regclass)) then
        raise exception 'the indexes of the table changed' using errcode = '55000';
    end if;

    -- A session whose snapshot is older than the last change of the copy would find rows missing in it. Of sessions of
    -- another role nothing is shown but that they have a transaction.
    for i in 1..10 loop
        exit when not exists (
            select 1
              from pg_stat_activity a
             where a.datname = current_database()
               and a.pid <> pg_backend_pid()
               and a.usesysid is not null
               and (a.xact_start is null or (a.backend_xmin is not null and a.xact_start <= cast(current_setting('sendoff.writers_wait_since') as timestamptz)))
               and exists (select 1 from pg_locks l where l.pid = a.pid and l.locktype = 'virtualxid')
        );
        if i = 10 then
            raise exception 'a session has an old snapshot' using errcode = '55P03';
        end if;
        perform pg_sleep(0.001);
        perform pg_stat_clear_snapshot();
    end loop;

    select array_agg(c.relname order by c.oid), array_agg(c.oid order by c.oid) into indexes, numbers
      from pg_index i join pg_class c on c.oid = i.indexrelid
     where i.indrelid = cast('TABLE' as regclass);
    drop table TABLE;
    drop table TABLE_rewrite_changes;
    drop function TABLE_rewrite_note();
    alter table TABLE_rewrite rename to TABLE;
    for i in 1..array_length(indexes, 1) loop
        execute format('alter index rewrite_%s rename to %I', numbers[i], indexes[i]);
    end loop;
end
$do$;
