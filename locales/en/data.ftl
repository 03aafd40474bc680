# What makes large audiences fast: indexes of fields, estimates.

field-unknown = There is no field “{ $name }”. There are: { $known }. Declare one: sendoff field add NAME TYPE
field-index-full = “{ $name }” cannot be indexed: eight texts, choices and days and eight numbers and flags can be, and these are taken. Let go of one: sendoff field unindex NAME
field-indexing = Indexing
field-indexed = Segments find people by “{ $name }” at once.
field-unindexed = The index of “{ $name }” goes within an hour or two, unless a segment needs it.
segment-estimate = ≈ { $count } (estimate)
