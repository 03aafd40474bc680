-- audience/indexed_field: fields of a workspace that are copied into indexed columns of `contact`
-- (`column_name`: `text_1` … `number_8`). States: filling, ready, retiring, clearing.
alter table facet rename to indexed_field;
alter table indexed_field rename column place to column_name;
drop index facet_field;
create unique index indexed_field_name on indexed_field (workspace_id, field);
update indexed_field set state = 'retiring' where state = 'leaving';

-- audience/field: the words of a choice were joined by commas; now they are a JSON array of texts.
update field set choices = case when kind = 'choice'
  then '["' || replace(replace(replace(choices, '\', '\\'), '"', '\"'), ',', '","') || '"]'
  else '[]' end;

-- audience/subscription: a restriction concerns the person, so it covers every list the person is on.
update subscription set state = 'restricted'
where state <> 'restricted' and contact_id in (select contact_id from subscription where state = 'restricted');
