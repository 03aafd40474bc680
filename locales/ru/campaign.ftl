# Рассылки.
campaign-not-draft = Рассылка «{ $name }» уже началась и не изменена. Дайте другое имя в файле.
campaign-unknown = Рассылки «{ $name }» нет. Есть: { $known }.
campaign-gone = Рассылки больше нет. Какие есть: sendoff campaign ls
campaign-state = Рассылка «{ $name }» { $state ->
    [draft] ещё черновик
    [scheduled] ждёт своего времени
    [running] идёт
    [paused] приостановлена
    [finished] завершена
   *[cancelled] отменена
}: { $verb ->
    [schedule] назначить ей время
    [start] начать её
    [pause] приостановить её
    [unschedule] вернуть её в черновики
    [resume] продолжить её
    [recall] отозвать её
   *[cancel] отменить её
} нельзя. { $state ->
    [draft] Начать: sendoff campaign start { $name }
    [scheduled] Сначала верните в черновики: sendoff campaign unschedule { $name }
    [running] Сначала приостановите: sendoff campaign pause { $name }
    [paused] Продолжить: sendoff campaign resume { $name }
   *[ended] Чтобы отправить ещё раз, скопируйте: sendoff campaign duplicate { $name } НОВОЕ-ИМЯ
}
campaign-list-gone = Список этой рассылки закрыт или удалён. Укажите в её файле другой (list = "…"), затем: sendoff campaign add ФАЙЛ
    .desk = Список этой рассылки закрыт или удалён. Выберите другой в настройках письма.
campaign-segment-gone = Сегмента этой рассылки больше нет. Сохраните его снова: sendoff segment save ИМЯ ВЫРАЖЕНИЕ
    .desk = Сегмента этой рассылки больше нет. Сохраните его снова или выберите другой в настройках письма.
campaign-frozen = Содержимое рассылки «{ $name }» не читается. Добавьте рассылку заново под другим именем.
campaign-file-long = Файл рассылки длиннее { $limit } КиБ. Положите картинки на веб-сервер и дайте ссылки.
campaign-file-binary = В файле рассылки есть нулевой байт: это не текст. Сохраните его в UTF-8.
campaign-file-ending = Имя файла рассылки должно кончаться на .md (Markdown) или .html (HTML). Переименуйте файл и повторите.
campaign-file-encoding = Файл рассылки не в UTF-8 (байт { $at }). Сохраните его в UTF-8.
campaign-front = Файл начинается строкой «+++», затем настройки, например name = "осень", затем вторая строка «+++» и письмо.
campaign-key-unknown = Строка { $line }: настройки «{ $key }» нет; может быть, «{ $near }»?
campaign-key-missing = Между строками +++ не хватает настройки «{ $key }».
campaign-key-twice = Строка { $line }: настройка «{ $key }» задана дважды. Оставьте одну.
campaign-key-text = Строка { $line }: настройке «{ $key }» нужен текст в двойных кавычках: { $key } = "…"
campaign-toml = Строка { $line }: { $cause ->
    [equals] «{ $key }» — не настройка: в строке нет знака равенства. Пишите имя, знак равенства и текст в двойных кавычках: name = "осень"
    [key] «{ $key }» — не имя настройки: в нём пробел. Например: reply-to = "…"
    [empty] у «{ $key }» нет значения. Пишите { $key } = "…" или уберите строку.
    [curly] значение «{ $key }» в фигурных кавычках. Нужны прямые: { $key } = "…"
    [backslash] в значении «{ $key }» обратная косая черта или незакрытая кавычка. Возьмите его в одинарные кавычки и закройте их: { $key } = '…'
    [quote] кавычки у «{ $key }» не закрыты, или за ними что-то стоит. Пишите { $key } = "…" и больше ничего; кавычку внутри пишите как \".
   *[bare] значение «{ $key }» не в кавычках. Пишите { $key } = "…"
}
campaign-key-word = Строка { $line }: «{ $word }» не подходит для «{ $key }». Пишите одно из: { $known }.
campaign-name = В файле рассылки name = "…" — от 1 до { $limit } видимых знаков. Например: name = "осень"
campaign-sender = «{ $text }» в { $field } — не отправитель. Пишите так: Магазин <news@example.org>
campaign-sender-invalid = Отправителя этой рассылки приняла прежняя версия, но записать его в письмо нельзя. Исправьте «from» и «reply-to» в файле рассылки.
campaign-zone = zone: «{ $zone }» — не часовой пояс. Пишите его имя по IANA, например zone = "Europe/Moscow"
campaign-time = «{ $text }» в at, at-local, until, --at или --until — не время. Пишите 2026-12-01 10:00, а рядом zone = "Europe/Moscow" (или --zone Europe/Moscow).
campaign-past = { $time } уже прошло. Выберите время позже или начните сразу: sendoff campaign start { $name }
    .desk = { $time } уже в прошлом. Выберите более позднее время или начните сразу.
campaign-no-time = В файле нет времени. Добавьте --at "2026-12-01 10:00" или at = "…" в файл.
skipped-paused = получатель приостановил письма
skipped-address = адрес неверен
skipped-panic = письмо не составлено из-за ошибки в самом Sendoff
skipped-row = в строке доставки или контакта есть значение, которое нельзя прочитать
skipped-fields = значения полей не читаются
skipped-missing = нет значения, которое нужно письму
skipped-limit = письмо собирается слишком долго или становится слишком длинным
skipped-link = ссылка в письме для этого человека неверна
skipped-template = тег письма делает невозможное со значениями этого человека
count-skip-reason = Пропущено { $count }:
skipped-smtputf8 = сервер отправки не принимает адреса не из ASCII (нет SMTPUTF8)

excluded-pending = подписка не подтверждена
excluded-restricted = обработка ограничена: хранится, не получает писем
excluded-bounced = ящика не существует, писем не получает (вернуть: sendoff contact unsuppress АДРЕС)
    .desk = нет ящика
excluded-segment = в списке, но вне сегмента
paused-by-hand = приостановлена вручную
bar-preflight = Проверка
campaign-added = Черновик «{ $name }» для списка «{ $list }» сохранён. Дальше: sendoff campaign preflight { $name }
campaign-started = «{ $name }» началась: { $count ->
    [one] запланировано { $count } письмо
    [few] запланировано { $count } письма
   *[many] запланировано { $count } писем
}. Отправит работающий `sendoff serve` или `sendoff mail`.
campaign-none = Рассылок пока нет. Напишите файл и добавьте его: sendoff campaign add письмо.md
preflight-recipients = «{ $name }»: получателей { $count }.
preflight-ready = Готово. Дальше: sendoff campaign start { $name }
preflight-not-ready = Не готово: исправьте отмеченное ✗ и добавьте файл снова.
preflight-refused = Не начато. { $problems }
preflight-url = Публичный адрес { $url } не читается. Задайте его: sendoff settings set public-url https://news.example.org
    .desk = Публичный адрес { $url } — не URL. Администратор задаёт public-url в разделе «Настройки → Установка».
preflight-localhost = Ссылки вели бы на { $url }, который не откроет ни один получатель. Задайте публичный адрес: sendoff settings set public-url https://news.example.org
    .desk = Ссылки вели бы на { $url }, а этот адрес получатели открыть не смогут. Администратор задаёт public-url в разделе «Настройки → Установка».
preflight-private = Ссылки ведут на { $url }: он открывается только на этой машине или в этой сети.
preflight-unreachable = { $url } отсюда не отвечает. Проверьте, что он доступен получателям.
preflight-empty = «{ $name }» никто не получит. Кто есть в списке: sendoff list ls. Кого находит сегмент: sendoff segment count ИМЯ
    .desk = У «{ $name }» нет получателей. Посмотрите на числа её списка и на то, кого находит её сегмент.
preflight-relay-unknown = В файле рассылки назван сервер отправки «{ $relay }», такого нет. Есть: { $known }. Исправьте строку relay = … или добавьте сервер: sendoff relay set { $relay } …
    .desk = Рассылка называет сервер отправки «{ $relay }», которого нет. Есть: { $known }. Выберите другой в настройках письма или добавьте его в разделе «Настройки → Серверы отправки».
preflight-relay-none = Все серверы отправки закреплены за другими отправителями. Закрепите один за отправителем этой рассылки (sendoff relay set НАЗВАНИЕ --for АДРЕС) или добавьте сервер без отправителей.
    .desk = Все серверы отправки привязаны к другим отправителям. Привяжите один к отправителю этой рассылки или добавьте сервер без отправителей в разделе «Настройки → Серверы отправки».
preflight-relay-silent = Не удалось узнать у сервера отправки «{ $relay }», какие письма он принимает. { $why }
preflight-capture = Сервер отправки «{ $relay }» — ящик этой установки: письма видны в нём и никому не уходят. Задайте сервер: sendoff relay set smtp АДРЕС
    .desk = Сервер «{ $relay }» — ящик перехвата: письма видны там, но никуда не доставляются. Задайте почтовый сервер в разделе «Настройки → Серверы отправки».
preflight-folder = Сервер отправки «{ $relay }» — папка: письма сохраняются в файлы и никому не уходят.
preflight-missing = Нет значения «{ $field }»: { $count ->
    [one] у { $count } человека
   *[other] у { $count } человек
}. Напишите {"{{"} { $field } | default("…") {"}}"} или начните с --skip-missing.
preflight-broken = Письмо нельзя составить ({ $reason }): { $count ->
    [one] для { $count } человека
   *[other] для { $count } человек
}. Чтобы пропустить их, начните с --skip-missing.
preflight-unwritable = { $count ->
    [one] У { $count } человека адрес, на который нельзя отправить письмо
   *[many] У { $count } человек адреса, на которые нельзя отправить письмо
}. Его приняла прежняя версия; такие люди пропускаются. Исправьте адрес: sendoff contact correct
preflight-irregular = Это письмо нельзя скомпилировать: в теге знак записан номером (например, {"\\u00e9"}) или тегов очень много. Каждое письмо собирается с нуля, примерно в пятьдесят раз медленнее обычного: не больше нескольких тысяч писем в секунду. Напишите знаки как есть или уберите часть тегов.
test-sent = Тестовое письмо для { $to } отправлено: { $answer }
address-wrong = Неверный адрес: { $why }. Исправьте его и повторите; ничего не сделано.
mail-waiting = Следующее письмо должно уйти { $time }. Запустите тогда sendoff mail или оставьте работать sendoff serve.
mail-nothing = Отправлять нечего. Начните рассылку: sendoff campaign start ИМЯ
lane-damaged = Домены полосы в базе данных — не JSON-массив строк. Задайте их снова: sendoff lane set ИМЯ --domains ДОМЕНЫ
campaign-sender-tag = «{ $tag }» в { $field } — тег, а отправителя все получатели видят одного. Напишите само имя: Магазин <news@example.org>
campaign-problems = В настройках ошибок: { $count }. { $problems }
campaign-key-texts = Строка { $line }: значение настройки «{ $key }» — список текстов: { $key } = ["…", "…"]
campaign-language = Строка { $line }: языка «{ $tag }» нет. Есть: { $known }.
campaign-link-host = Строка { $line }: «{ $host }» в link-hosts — не имя сервера. Напишите, например: link-hosts = ["shop.example", "*.shop.example"]
campaign-utm = Строка { $line }: параметра «{ $name }» у utm нет. Напишите utm = true или utm = {"{"} source = "…", medium = "…", campaign = "…", term = "…", content = "…" {"}"}
campaign-utm-tag = Строка { $line }: «{ $text }» в utm — не простой текст. Параметры у всех получателей одни.
campaign-removed = Рассылка «{ $name }» удалена.
campaign-remove-launched = Рассылка «{ $name }» уже запускалась и остаётся: она нужна ссылкам в её письмах, и отчёты её считают. Чтобы больше ничего не отправлять: sendoff campaign cancel ИМЯ
    .desk = Рассылка «{ $name }» была начата и остаётся: она нужна ссылкам в её письмах и отчётам. Чтобы больше ничего не отправлять, отмените её на её странице.
campaign-remove-series = «{ $name }» — черновик серии, которая не остановлена. Сначала остановите её: sendoff campaign series stop ИМЯ
    .desk = «{ $name }» — черновик серии, которая не остановлена. Сначала остановите её на странице серий.
campaign-exists = Рассылка «{ $name }» уже есть. Выберите для копии другое имя.
campaign-duplicated = «{ $new }» — копия «{ $name }», с тем же списком, сегментом и временем. Изменить её: sendoff campaign edit ИМЯ
campaign-unchanged = В «{ $name }» ничего не изменилось.
campaign-edit-started = Рассылка «{ $name }» уже началась, её файл изменить нельзя. Сделайте копию: sendoff campaign duplicate ИМЯ НОВОЕ-ИМЯ
campaign-edit-left = В { $file } лежит прежняя несохранённая правка «{ $name }». Сохраните её командой sendoff campaign add ФАЙЛ или удалите, затем правьте снова.
campaign-edit-refused = Рассылка не изменена, ваш текст сохранён в { $file }. { $why } Исправьте его там, затем: sendoff campaign add ФАЙЛ
campaign-edit-name = Правкой нельзя переименовать «{ $name }» в «{ $new }». Оставьте имя прежним или сделайте копию: sendoff campaign duplicate ИМЯ НОВОЕ-ИМЯ
campaign-editor = Редактор «{ $editor }» завершился с ошибкой, рассылка не изменена. Ваш текст в { $file }. Укажите другой редактор: --editor.
campaign-replaced = Файл рассылки «{ $name }» для списка «{ $list }» заменён{ $at ->
    [none] .
   *[other] ; начало прежнее: { $at }.
} Дальше: sendoff campaign preflight { $name }
preflight-tracking = { $tracking ->
    [individual] Открытия и переходы каждого получателя измеряются (tracking = "individual").
   *[none] Открытия и переходы не измеряются (tracking = "none"). Чтобы измерять, напишите в файле tracking = "individual".
}
