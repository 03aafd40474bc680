do $do$
declare
    key text;
    changed bigint[];
begin
    with taken as (
        delete from TABLE_rewrite_changes
         where position in (select position from TABLE_rewrite_changes order by position limit LIMIT)
        returning id
    )
    select array_agg(distinct id) into changed from taken;

    select a.attname into strict key
      from pg_index i
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
     where i.indrelid = cast('TABLE' as regclass) and i.indisprimary;

    -- The rows are read after the list, so a row that changed since is in the list again.
    execute format('delete from TABLE_rewrite where %I = any($1)', key) using changed;
    execute format('insert into TABLE_rewrite (COLUMNS) select COLUMNS from TABLE where %I = any($1)', key) using changed;
end
$do$;
