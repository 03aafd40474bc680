# Сегменты: язык и ошибки в нём.

# Где ошибка и что там стоит.
segment-at = { $line ->
    [0] позиция { $column }
   *[other] строка { $line }, позиция { $column }
}
segment-found = { $ended ->
    [1] конец выражения
   *[other] `{ $found }`
}

segment-name = Сегменту нужно имя от 1 до { $limit } видимых знаков. Например: sendoff segment save взрослые "age >= 18"
segment-unknown = Сегмента «{ $name }» нет. Есть: { $known }. Создать: sendoff segment save ИМЯ ВЫРАЖЕНИЕ
segment-unknown-near = Сегмента «{ $name }» нет; может быть, «{ $near }»?
segment-long = Выражение длиннее { $limit } КиБ. Храните большие наборы значений в отдельном поле и сравнивайте его.

segment-character = { segment-at }: `{ $found }` здесь ничего не значит; нужны слова, тексты в кавычках, числа, сравнения и скобки.
    { $excerpt }
segment-unclosed = { segment-at }: кавычка открыта и не закрыта.
    { $excerpt }
segment-number = { segment-at }: `{ $found }` — не число и не дата; пишите 18.5 или 2026-01-31.
    { $excerpt }
segment-expected-condition = { segment-at }: здесь нужно условие, например age >= 18, а стоит { segment-found }.
    { $excerpt }
segment-expected-comparison = { segment-at }: здесь нужно сравнение, например = или in ("…"), а стоит { segment-found }.
    { $excerpt }
segment-expected-value = { segment-at }: здесь нужно значение — текст в кавычках, число, дата, да или нет, — а стоит { segment-found }.
    { $excerpt }
segment-unquoted = { segment-at }: тексты пишутся в кавычках: "{ $found }".
    { $excerpt }
segment-expected-sign = { segment-at }: здесь нужно `{ $sign }`, а стоит { segment-found }.
    { $excerpt }
segment-expected-end = { segment-at }: здесь нужно `and`, `or` или конец, а стоит { segment-found }.
    { $excerpt }
segment-expected-list = { segment-at }: здесь нужно имя списка в кавычках, а стоит { segment-found }.
    { $excerpt }
segment-expected-campaign = { segment-at }: здесь нужно `any` или имя рассылки в кавычках, а стоит { segment-found }.
    { $excerpt }
segment-expected-days = { segment-at }: здесь нужен срок, например 90 days, а стоит { segment-found }.
    { $excerpt }
segment-days = { segment-at }: срок — целое число дней от 1 до { $limit }.
    { $excerpt }
segment-many-conditions = { segment-at }: в выражении не больше { $limit } условий. Много значений одного поля запишите через in (…).
    { $excerpt }
segment-many-values = { segment-at }: во всех in (…) выражения не больше { $limit } значений. Храните такой набор в отдельном поле.
    { $excerpt }
segment-deep = { segment-at }: скобки и not вкладываются не глубже { $limit } раз.
    { $excerpt }

segment-no-field = { segment-at }: нет поля `{ $found }`; есть: { $known }. Объявить: sendoff field add ИМЯ ТИП
    { $excerpt }
segment-no-field-near = { segment-at }: нет поля `{ $found }`; может быть, `{ $near }`?
    { $excerpt }
segment-no-list = { segment-at }: нет списка { $found }; есть: { $known }.
    { $excerpt }
segment-no-list-near = { segment-at }: нет списка { $found }; может быть, "{ $near }"?
    { $excerpt }
segment-no-campaign = { segment-at }: нет рассылки { $found }; есть: { $known }.
    { $excerpt }
segment-no-campaign-near = { segment-at }: нет рассылки { $found }; может быть, "{ $near }"?
    { $excerpt }
segment-no-function = { segment-at }: нет функции `{ $found }`; есть: { $known }.
    { $excerpt }
segment-no-function-near = { segment-at }: нет функции `{ $found }`; может быть, `{ $near }`?
    { $excerpt }
segment-no-choice = { segment-at }: у поля `{ $subject }` нет значения { $found }; есть: { $known }.
    { $excerpt }
segment-no-choice-near = { segment-at }: у поля `{ $subject }` нет значения { $found }; может быть, "{ $near }"?
    { $excerpt }
segment-no-address = { segment-at }: { $found } — не адрес почты; часть адреса ищут так: email contains "…"
    { $excerpt }

segment-kind = { $kind ->
    [text] текст
    [number] число
    [date] дата
    [flag] флаг
   *[choice] выбор
}
segment-alone = { segment-at }: `{ $found }` — { segment-kind } и само по себе не условие; сравните его с чем-нибудь или напишите: { $found } is set
    { $excerpt }
segment-operator = { segment-at }: `{ $found }` не подходит к `{ $subject }`: это { segment-kind }; подходят: { $fitting }.
    { $excerpt }
segment-value = { segment-at }: `{ $subject }` — { segment-kind }, а { $found } — нет; пишите { $kind ->
    [text] текст в кавычках
    [number] число без кавычек
    [date] дату, например 2026-01-31 или 90 days ago
    [flag] да или нет
   *[choice] одно из его значений в кавычках
}.
    { $excerpt }
segment-empty = { segment-at }: пустых текстов среди значений нет; напишите: { $subject } is not set
    { $excerpt }

segment-saved-indexing =
    Сегмент «{ $name }» сохранён, им можно пользоваться. Индекс его полей ещё строится: `sendoff serve` продолжит в фоне,
    а `sendoff segment save --wait` покажет ход. До тех пор подсчёт идёт дольше.
segment-saved = Сегмент «{ $name }» сохранён. Дальше: sendoff segment count { $name }
segment-count = Сегмент «{ $name }»: { people }.
segment-none = Сегментов пока нет. Создать: sendoff segment save ИМЯ ВЫРАЖЕНИЕ

segment-explain-address = Это не адрес электронной почты. Проверьте, как он написан.
segment-explain-in = { $address } входит в «{ $name }».
segment-explain-out = { $address } не входит в «{ $name }».
segment-explain-unknown = В этой рабочей области нет { $address }, поэтому он не входит в «{ $name }».
segment-explain-restricted = { $address } не входит в «{ $name }»: обработка ограничена, а такие люди не входят ни в один сегмент, что бы ни говорили условия.
segment-explain-bounced = { $address } не входит в «{ $name }»: почтовый сервер ответил, что такого ящика нет, а такие люди не входят ни в один сегмент, что бы ни говорили условия. Вернуть: sendoff contact unsuppress АДРЕС
segment-explain-unlisted = { $address } не входит в «{ $name }»: человека нет ни в одном списке с подтверждением, что бы ни говорили условия.
segment-all = все условия
segment-any = хотя бы одно
segment-not = не
segment-yes = да
segment-no = нет
segment-no-value = ничего
