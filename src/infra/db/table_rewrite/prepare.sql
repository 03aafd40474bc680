create table TABLE_rewrite (
  like TABLE including defaults including constraints including generated including identity
             including storage including compression including comments
);

do $do$
declare
    one record;
    old_table regclass := 'TABLE';
begin
    for one in
        select attname, attstattarget
          from pg_attribute
         where attrelid = old_table and attnum > 0 and not attisdropped and attstattarget >= 0
    loop
        execute format('alter table TABLE_rewrite alter column %I set statistics %s', one.attname, one.attstattarget);
    end loop;

    for one in
        select unnest(reloptions) as option from pg_class where oid = old_table
    loop
        execute format('alter table TABLE_rewrite set (%s)', one.option);
    end loop;

    -- An index of the copy is named after the number of the index that it stands for.
    for one in
        select i.indexrelid,
               i.indisunique,
               substring(pg_get_indexdef(i.indexrelid) from ' USING .*$') as definition,
               (select contype from pg_constraint where conindid = i.indexrelid and contype in ('p', 'u')) as contype
          from pg_index i
         where i.indrelid = old_table
         order by i.indexrelid
    loop
        execute format('create %s index rewrite_%s on TABLE_rewrite %s',
                       case when one.indisunique then 'unique' else '' end, one.indexrelid, one.definition);
        if one.contype is not null then
            execute format('alter table TABLE_rewrite add constraint rewrite_%s %s using index rewrite_%s',
                           one.indexrelid, case one.contype when 'p' then 'primary key' else 'unique' end, one.indexrelid);
        end if;
    end loop;

    for one in
        select case when grantee = 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as grantee,
               privilege_type,
               case when is_grantable then ' with grant option' else '' end as option
          from pg_class, aclexplode(relacl)
         where oid = old_table and grantee <> relowner
    loop
        execute format('grant %s on TABLE_rewrite to %s%s', one.privilege_type, one.grantee, one.option);
    end loop;

    for one in
        select pg_get_userbyid(relowner) as owner from pg_class where oid = old_table and pg_get_userbyid(relowner) <> current_user
    loop
        execute format('alter table TABLE_rewrite owner to %I', one.owner);
    end loop;
end
$do$;

create unlogged table TABLE_rewrite_changes (
  position bigint generated always as identity primary key,
  id bigint not null
);

create function TABLE_rewrite_note() returns trigger language plpgsql security definer set search_path from current as $body$
begin
    insert into TABLE_rewrite_changes (id) select KEY from changed;
    return null;
end
$body$;

create trigger TABLE_rewrite_insert after insert on TABLE referencing new table as changed
for each statement execute function TABLE_rewrite_note();

create trigger TABLE_rewrite_update after update on TABLE referencing new table as changed
for each statement execute function TABLE_rewrite_note();

create trigger TABLE_rewrite_delete after delete on TABLE referencing old table as changed
for each statement execute function TABLE_rewrite_note();
