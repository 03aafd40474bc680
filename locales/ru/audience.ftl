# Поля, списки, люди.
field-name = «{ $name }» не годится для имени поля. Годятся буквы, цифры и подчёркивания, первой — буква, всего не больше { $limit } байт.
field-reserved = «{ $name }» — служебное слово Sendoff. Выберите другое имя поля.
field-choices = Типу choice нужны значения, другим типам — нет: sendoff field add { $name } choice:один,два
    .desk = Полю с вариантами нужны варианты, у других типов их нет.
field-twin = «{ $name }» отличается от поля «{ $twin }» только регистром. Возьмите его или выберите другое имя.
field-exists = Поле «{ $name }» уже объявлено с другим типом. Выберите другое имя.
list-name = Списку нужно имя от 1 до { $limit } видимых знаков. Например: sendoff list add Новости
    .desk = Название списка — от 1 до { $limit } видимых знаков.
list-closed = Список «{ $name }» закрыт. Выберите другой или создайте новый: sendoff list add ИМЯ
    .desk = Список «{ $name }» закрыт. Выберите другой или добавьте новый.
list-unknown = Списка «{ $name }» нет. Есть: { $known }. Создать: sendoff list add ИМЯ
    .desk = Списка «{ $name }» нет. Есть: { $known }.
contact-exists = { $address } здесь уже принадлежит другому человеку. Ничего не изменено. Посмотрите на него: sendoff contact show АДРЕС
    .desk = { $address } уже принадлежит другому человеку. Ничего не изменено.
contact-unknown = В этой рабочей области нет { $address }. Поищите: sendoff contact find ТЕКСТ
row-broken = В строке { $id } таблицы { $table } невозможное значение в { $column }. Ничего не изменено.
invalid-address-empty = нет адреса
invalid-address-control = в адресе управляющий знак или невидимая метка
invalid-address-around = кроме адреса, там имя, скобки или кавычки
invalid-address-shape = в адресе нет @ или их два
invalid-address-local = часть до @ недопустима
invalid-address-domain = часть после @ — не имя домена
invalid-value-long = текст длиннее { $limit } байт
invalid-value-number = не число
invalid-value-date = не дата; пишите 2026-12-31, 31.12.2026 или 31 декабря 2026
invalid-value-flag = не да и не нет
invalid-value-choice = нет среди объявленных значений
invalid-value-number-unclear = число читается двояко; пишите 1200 или 1.2
list-name-taken = Список «{ $name }» уже есть. Выберите другое имя.
list-renamed = «{ $before }» теперь называется «{ $name }»{ $segments ->
    [0] { "" }.
    [one] , также в { $segments } сегменте.
   *[other] , также в сегментах ({ $segments }).
}
segment-removed = Сегмент «{ $name }» удалён.
segment-remove-used = По сегменту «{ $name }» идут рассылки: { $campaigns }. Отмените их или назначьте им другой сегмент и повторите.
contact-none = Никого не нашлось.
contact-more = Есть ещё: повторите с --after { $id }
contact-find-blank = Назовите часть адреса или значения поля.
contact-added = { $address } теперь в списке «{ $list }».
contact-joined = { $address } уже был известен и теперь в списке «{ $list }».
contact-add-erased = Этот адрес ушёл из списка «{ $list }» или стёрт и остаётся закрытым. Снять это может только его владелец: sendoff subscription invite АДРЕС
    .desk = Этот адрес ушёл из «{ $list }» или стёрт и остаётся под запретом. Снять его может только владелец адреса.
contact-add-known = Этот адрес уже в списке «{ $list }». Посмотрите: sendoff contact show АДРЕС
    .desk = Этот адрес уже в списке «{ $list }».
