# Содержание писем: бренд, теги, ссылки, макеты.
brand-name = В названии бренда не больше { $limit } видимых знаков.
brand-address = В почтовом адресе не больше { $limit } видимых знаков.
brand-color = «{ $color }» — не цвет. Напишите шесть шестнадцатеричных цифр: --color 2d5be3
brand-logo = «{ $logo }» — не веб-адрес картинки. Напишите адрес целиком: --logo https://example.org/logo.png
brand-line-name = Название
brand-line-address = Адрес
brand-line-color = Цвет
brand-line-logo = Логотип
brand-unset = не задано
header-hidden = В «{ $text }» есть перенос строки или невидимый знак. Наберите заново в одну строку.
header-mailbox = Этот адрес нельзя записать в заголовок письма. Напишите так: Имя <name@example.org>.

# Где ошибка.
tag-part = { $part ->
    [subject] Тема
    [preheader] Прехедер
   *[body] Текст
}
tag-place = { tag-part }, строка { $line }, знак { $column }
tag-hint = { $hint ->
    [no] {""}
   *[yes] {" "}Может быть, `{ $near }`?
}
tag-open = { tag-place }: тег не закрыт. Он заканчивается на { $close }.
tag-empty = { tag-place }: тег пуст. Впишите поле между скобками или уберите тег.
tag-sign = { tag-place }: знак «{ $sign }» в теге недопустим. Текст пишется в прямых кавычках: "вот так".
tag-long = { tag-place }: в теге больше { $limit } слов. Разбейте его на части.
tag-unreadable = { tag-place }: не удалось разобрать тег: { $tag }. Сравните с примерами в docs/emails.md.
tag-statement = { tag-place }: тега «{ $word }» нет. Есть: { $known }.
tag-no-if = { tag-place }: перед «{ $word }» нет `if`. Напишите {"{%"} if … {"%}"} там, где начинается условие, или уберите тег.
tag-if-open = { tag-place }: у этого `if` нет `endif`. Напишите {"{%"} endif {"%}"} там, где кончается условие.
tag-set-taken = { tag-place }: «{ $name }» — поле или зарезервированное имя. Назовите переменную иначе.
tag-field = { tag-place }: поля `{ $name }` нет.{ $hint ->
    [no] {" "}Какие есть: sendoff field ls
   *[yes] { tag-hint }
}
tag-filter = { tag-place }: фильтра `{ $name }` нет.{ $hint ->
    [no] {" "}Какие есть, сказано в docs/emails.md, Filters.
   *[yes] { tag-hint }
}
tag-test = { tag-place }: проверки `{ $name }` нет.{ $hint ->
    [no] {" "}Какие есть, сказано в docs/emails.md, Conditions.
   *[yes] { tag-hint }
}
tag-call = { tag-place }: `{ $name }(…)` вызвать нельзя: в тегах есть только поля и фильтры.
tag-many = { tag-place }: тегов больше { $limit }. Сократите их число.
tag-nesting = { tag-place }: друг в друга вложено больше { $limit } `if`. Упростите условия.
tag-branches = { tag-place }: у `if` вместе с внешними больше { $limit } ветвей `elif` и `else`. Разделите условие или вынесите тексты в поле.
template-bound = { tag-part }, строка { $line }: { $bound ->
    [steps] теги собираются больше чем за { $limit } шагов
    [value] значение становится длиннее { $limit } байт
    [values] значения тегов вместе занимают больше { $limit } байт
   *[output] собранный текст становится длиннее { $limit } байт
}. Упростите теги.
html-elements = Строка { $line }: в тексте больше { $limit } элементов HTML. Сократите его.
html-nesting = Строка { $line }: друг в друга вложено больше { $limit } элементов HTML. Закройте открытые.
html-attributes = Строка { $line }: у элемента HTML больше { $limit } атрибутов. Проверьте, закрыт ли его тег.
template-line = { tag-part }, строка { $line }: не удалось разобрать тег. Проверьте скобки, запятые и знаки.
template-unreadable = Не удалось разобрать теги { $part ->
    [subject] темы
    [preheader] прехедера
   *[body] текста
}. Закройте все скобки и не заканчивайте условие внутри другого.
template-broken = Тег делает невозможное, например складывает тексты как числа. Упростите теги письма.
template-limit = Письмо собирается слишком долго или становится слишком длинным. Упростите его теги.

email-long = { $part ->
    [subject] Тема длиннее { $limit } знаков.
    [preheader] Прехедер длиннее { $limit } знаков.
   *[body] Текст длиннее { $limit } байт.
} Сократите.
email-no-subject = У письма нет темы. Напишите её.
email-no-body = В письме нет текста. Напишите его.
email-public-url = Публичный адрес этой установки длиннее { $limit } байт. Выберите короче: sendoff settings set public-url URL
email-missing = { letter-missing }
# С этим ключом прежние версии записали пропущенные доставки.
letter-missing = Тег вычисляет с полем `{ $field }`, а значения у него нет. Добавьте запасное: default(0).
layout-failed = Не удалось собрать макет. Это ошибка программы; пожалуйста, сообщите о ней.

link-relative = Строка { $line }: ссылка «{ $link }» не начинается с https://. Напишите адрес целиком.
link-scheme = Строка { $line }: ссылка «{ $link }» — не веб-адрес. Ссылки ведут на https://, mailto: или tel:.
link-hidden = Строка { $line }: в ссылке «{ $link }» обратная косая черта, перенос строки или невидимый знак. Наберите её заново.
link-user = Строка { $line }: в ссылке «{ $link }» перед именем сервера стоит имя пользователя. Уберите всё до @.
link-broken = Строка { $line }: ссылку «{ $link }» не удалось разобрать. Проверьте имя сервера.
link-long = Строка { $line }: ссылка «{ $link }» длиннее { $limit } байт. Сократите её.
link-dynamic-host = Строка { $line }: имя сервера в ссылке «{ $link }» берётся из тега. Напишите его явно, теги могут стоять после него; или назовите серверы, на которые такие ссылки могут вести: link-hosts = ["shop.example"]

lint-address = В письме нет почтового адреса, а его требуют многие законы. Задайте его: sendoff brand set --address ТЕКСТ
    .desk = В письме нет почтового адреса, которого требуют многие законы. Укажите его в разделе «Настройки → Бренд».
lint-preheader = У письма нет прехедера: почтовые программы покажут вместо него первые слова.
lint-subject-empty = У части получателей тема пуста. Задайте её тегам запасное значение через default.
lint-subject-long = В теме { $length } знаков; больше { $limit } не покажет ни одна почтовая программа.
lint-heavy = HTML занимает { $size } кБ, при отправке { $encoded } кБ. Gmail обрезает письма около 102 кБ вместе с нижней частью. Google не сообщает, какое из двух чисел считает; здесь берётся большее (docs/emails.md, Size).
lint-alt = { $count ->
    [one] У { $count } картинки нет описания.
    [few] У { $count } картинок нет описания.
   *[many] У { $count } картинок нет описания.
} Добавьте alt="…".
lint-http = { $count ->
    [one] { $count } картинка загружается по http и может не показаться.
    [few] { $count } картинки загружаются по http и могут не показаться.
   *[many] { $count } картинок загружаются по http и могут не показаться.
} Возьмите https.
lint-empty-link = { $count ->
    [one] { $count } ссылка пуста.
    [few] { $count } ссылки пусты.
   *[many] { $count } ссылок пусты.
} Дайте каждой текст и адрес.
lint-private = Ссылка { $link } ведёт во внутреннюю сеть, недоступную получателям.

# Нижняя часть писем.
email-why = Вы получили это письмо, потому что подписаны на рассылку «{ $list }».
email-unsubscribe = Отписаться
email-preferences = Ваши данные
email-view = Открыть в браузере

# Что не вошло в письмо или изменено в нём.
change-place = { $line ->
    [0] {""}
   *[other] Строка { $line }:{" "}
}
change-times = { $count ->
    [1] {""}
   *[other] {" "}(раз: { $count })
}
change-element = { change-place }элемент <{ $what }> не войдёт в письмо вместе с содержимым{ change-times }: он выполняет код, или его не показывает ни одна почтовая программа. Замените его картинкой или ссылкой.
change-amp = { change-place }элемент <{ $what }> — из AMP и в письме ничего не покажет{ change-times }: Sendoff не отправляет части AMP. Напишите его на HTML, например <img> вместо <amp-img>.
change-amp-style = { change-place }стиль, который прячет страницу AMP до запуска её скрипта, не войдёт в письмо{ change-times }.
change-element-tag = Элемент «<{ $what }>» не войдёт в письмо: его имя подставляет тег. Напишите имя буквально.
change-tag = { change-place }<{ $what }> не войдёт в письмо{ change-times }: почтовые программы его удаляют. Содержимое останется.
change-attribute = { change-place }атрибут «{ $what }» не войдёт в письмо{ change-times }: он выполняет код, или его имя записано неверно.
change-css = { change-place }«{ $what }» убрано из стиля{ change-times }: в старых почтовых программах это выполняет код. Остальной стиль сохранён.
change-comment = { change-place }комментарии HTML не войдут в письмо{ change-times }. Условные комментарии для Outlook остаются.
change-charset = { change-place }кодировка «{ $what }» заменена на UTF-8: в ней отправляются все письма.
change-source-relative = { change-place }«{ $what }» — неполный адрес, по нему ни одна почтовая программа ничего не загрузит{ change-times }. Положите файл на веб-сервер и напишите https://…
change-source-scheme = { change-place }«{ $what }» не войдёт в письмо{ change-times }: почтовые программы загружают файлы только по https://. Положите файл на веб-сервер.
change-source-https = { change-place }к адресу «{ $what }» добавлено https:{ change-times }.
change-source-data = { change-place }картинка вложена в само письмо (data:){ change-times }. Gmail и Outlook такие картинки не показывают. Положите её на веб-сервер и дайте ссылку.
change-source-cid = { change-place }картинка «{ $what }» — вложение другого письма{ change-times }, а Sendoff не прикладывает файлов. Положите её на веб-сервер и дайте ссылку.
email-problems = В письме ошибок: { $count }. { $problems }
list-item = {"\u000A"}✗ { $text }
brand-tag = «{ $tag }» — тег, а бренд у всех получателей один. Напишите сам текст.
tag-foreign = { tag-place }: «{ $tag }» — тег другого сервиса. Здесь он пишется так: { $ours }
lint-foreign-tag = { tag-part }, строка { $line }: «{ $tag }» похоже на тег другого сервиса ({ $tool }) и будет напечатано как есть. Здесь он пишется так: { $ours }
link-foreign-tag = Строка { $line }: «{ $tag }» в ссылке «{ $link }» — тег другого сервиса. Здесь он пишется так: { $ours }
link-host-other = Ссылка «{ $link }» ведёт на сервер, который не назван в link-hosts. Добавьте его: link-hosts = ["shop.example"]
change-link-variable = { change-place }ссылка «{ $what }» не измеряется: в ней переменная{ change-times }. Ссылки с полями измеряются.
lint-link-words = Слова ссылки — «{ $words }», а ведёт она на { $host }. Спам-фильтры и почтовые программы считают это фишингом. Напишите другие слова или, если дело только в измерении, задайте tracking = "none".
markdown-condition-table = Строка { $line }: это условие начинается среди строк таблицы, а кончается после неё. Закройте его до конца таблицы или заключите в него всю таблицу.
tag-for-open = { tag-place }: у этого `for` нет `endfor`. Напишите {"{%"} endfor {"%}"} там, где кончается цикл.
tag-no-for = { tag-place }: перед «{ $word }» нет `for`. Напишите {"{%"} for … in … {"%}"} там, где начинается цикл, или уберите тег.
tag-loops = { tag-place }: друг в друга вложено больше { $limit } циклов. Распишите внутренний.

# Даты, числа и деньги в письмах: слова разделены пробелами; _ в разделителе тысяч — неразрывный пробел.
email-months = января февраля марта апреля мая июня июля августа сентября октября ноября декабря
email-months-alone = январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь
email-months-short = янв фев мар апр мая июн июл авг сен окт ноя дек
email-weekdays = понедельник вторник среда четверг пятница суббота воскресенье
email-weekdays-short = пн вт ср чт пт сб вс
email-decimal = ,
email-group = _
# Где стоит знак валюты: before — перед суммой, after — после неё.
email-money = after
email-date-long = j F Y года
