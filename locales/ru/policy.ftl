# Политики конфиденциальности рабочих пространств.
policy-mistakes = Ошибок в политике: { $count }. { $mistakes }
policy-mistake = Строка { $line }, столбец { $column }, { $path }: { $what }
policy-mistake-line = Строка { $line }, столбец { $column }: { $what }
policy-toml = это не TOML. Сообщение разборщика: { $detail }
policy-long = Файл политики длиннее { $limit } КиБ. Вынесите тексты редакций в файлы рядом с ним: ru = { "{" } file = "policy-ru.md" { "}" }
policy-unknown-key = ключа «{ $key }» здесь нет; может быть, «{ $near }»?
policy-missing = не хватает значения «{ $key }», или оно пустое.
policy-type = «{ $key }» — это { $wanted ->
    [text] текст в двойных кавычках.
    [texts] список текстов: { $key } = ["…", "…"]
    [table] раздел: [{ $key }]
    [tables] разделы, у каждого свой заголовок: [[{ $key }]]
    [flag] true или false.
    [file] текст в двойных кавычках или { "{" } file = "ИМЯ" { "}" }.
   *[day] дата: { $key } = 2026-12-31
}
policy-number = нужно целое число от 1 до { $most }.
policy-word = значение «{ $word }» здесь не подходит. Пишите одно из: { $known }.
policy-jurisdiction = в политике не указана юрисдикция. Напишите jurisdiction = "…" выше первого раздела, одно из: { $known }.
policy-controller-contact = с оператором нельзя связаться. Укажите address, email или phone.
policy-no-edition = в политике нет ни одной редакции. Добавьте [[edition]] с number, dated и text.
policy-no-purpose = в политике нет ни одной цели. Добавьте [[purpose]] с name, basis, lists и fields.
policy-no-basis = у цели «{ $purpose }» нет правового основания. Напишите basis = "consent", "contract", "interest" или "legal_duty".
policy-name = в имени нужно от 1 до { $limit } видимых символов.
policy-language = «{ $tag }» — не код языка. Пишите, например, en или ru.
policy-file = файл «{ $name }» не читается. Он должен лежать рядом с файлом политики или в папке там же.
policy-edition-number = редакция { $number } стоит после редакции { $before }; номера должны расти.
policy-edition-dated = редакция { $number } датирована { $dated }, раньше редакции { $before } от { $earlier }. Редакция не может быть старше предыдущей.
policy-edition-effective = редакция { $number } вступает в силу { $effective }, раньше редакции { $before } ({ $earlier }).
policy-edition-early = редакция { $number } вступает в силу { $effective }, раньше собственной даты { $dated }. Прочитать её до этого никто не мог.
policy-purpose-twice = цель «{ $name }» описана дважды. Дайте одной из них другое имя.
policy-named-twice = «{ $name }» указано дважды. Оставьте одно.
policy-list-twice = список «{ $list }» отнесён к двум целям: «{ $first }» и «{ $second }». У списка одна цель.
policy-purpose-text = цель «{ $name }» основана на согласии, но текста согласия нет. Добавьте text = { "{" } ru = "…" { "}" }
policy-fact = обработчик получает «{ $fact }», а цель «{ $purpose }» этого не хранит. Укажите её поле или одно из: { $known }.
policy-fact-unmeasured = обработчик получает «{ $fact }», но режим измерения — «{ $mode }»: об отдельных людях ничего не записывается. Напишите mode = "individual" или уберите этот факт.
policy-processor-facts = обработчик «{ $name }» ничего не получает. Перечислите факты или уберите его.
policy-field-unused = поле «{ $name }» не нужно ни одной цели. Добавьте его в поля цели или уберите.
policy-special = «{ $name }» — специальная категория персональных данных ({ $category ->
    [health] здоровье
    [biometric] биометрия или генетика
    [race] раса или национальность
    [religion] религия или убеждения
    [politics] политические взгляды или профсоюз
    [sex_life] интимная жизнь или ориентация
   *[crime] судимость
}). Sendoff таких данных не хранит.
policy-none-with-consent = при mode = "none" ничего не записывается, соглашаться не на что. Уберите consent или выберите другой режим.
policy-retention-short = данные хранятся { $days } дн., а для измерения нужны { $needed } дн. Храните их дольше или уменьшите measurement.days.
policy-events-longer = открытия и переходы хранятся { $events } дн., а их отправки — { $deliveries } дн. Храните отправки не меньше.
policy-contract-backups = резервные копии истекают через { $backups } дн., раньше стирания данных через { $erase } дн.
policy-contract-early = договор заканчивается { $ends }, раньше первой редакции от { $dated }.
policy-promise = обещания «{ $id }» нет. Есть: { $known }.
policy-list-without-purpose = Для списка «{ $list }» в политике конфиденциальности нет цели, поэтому с ним ничего нельзя делать. Отнесите список к цели: sendoff policy apply ФАЙЛ
policy-other-basis = Список «{ $list }» служит цели «{ $purpose }», её основание — { $own }, а не { $basis }.
policy-other-field = { $count ->
    [one] Поле { $fields } не относится
   *[other] Поля { $fields } не относятся
} к цели «{ $purpose }» списка «{ $list }». Пропустите столбец (--map СТОЛБЕЦ=-) или назовите поле в политике.
policy-other-field-of-contact = Поле «{ $field }» не относится к целям списков этого человека: { $purposes }. Сначала назовите его в политике.
policy-too-young = Политика конфиденциальности не допускает людей младше { $years } лет.
policy-email-field = В письме есть поле «{ $field }», а цель «{ $purpose }» списка «{ $list }» его не называет.
policy-segment-field = Сегмент спрашивает поле «{ $field }», а цель «{ $purpose }» списка «{ $list }» его не называет.
policy-segment-list = Сегмент называет список «{ $other }» (цель: { $theirs }), а рассылка идёт по списку «{ $list }» с целью «{ $purpose }». Данные разных целей не объединяются.
policy-segment-campaign = Сегмент называет рассылку «{ $other }» (цель: { $theirs }), а эта идёт по списку «{ $list }» с целью «{ $purpose }». Данные разных целей не объединяются.
policy-conflicts = Политику нельзя применить, причин: { $count }. { $conflicts }
policy-conflict-campaign = Рассылке «{ $campaign }» её данные нужны ещё { $needed } дн., а цель «{ $purpose }» хранит их только { $days } дн. Увеличьте срок или отмените рассылку.
policy-conflict-edition = Редакция { $number } уже опубликована, а файл меняет или убирает её. Оставьте её как была и добавьте новую.
policy-allows-purpose = { $purpose } ({ $basis }): списки { $lists }; поля { $fields }
policy-allows-processor = { $name } может получать { $facts } для цели { $purpose }: sendoff export subscriptions --profile processor
policy-refuses-fields = в списках { $lists }: поля, которых не называет цель «{ $purpose }», и люди с другим основанием, чем { $basis }
policy-refuses-lists = импорт, формы и рассылки по спискам, у которых нет цели
policy-refuses-crossing = сегменты и письма рассылки с полями, списками или рассылками другой цели
policy-refuses-special = поля специальных категорий: здоровье, биометрия, раса, религия, политика, интимная жизнь, судимость
policy-refuses-age = люди младше { $years } лет по полю «{ $field }»
policy-measures-nothing = любое измерение: без пикселя, ссылки прямые
policy-measures-nobody = любые записи об открытиях и переходах отдельного человека
policy-measures-campaign = подсчёт открытий рассылки одним пикселем, одинаковым для всех
policy-measures-opt-in = измерение открытий и переходов тех, кто согласился; остальные получают то же письмо без пикселя и с прямыми ссылками
policy-measures-opt-out = измерение открытий и переходов тех, кто не отказался; отказавшиеся получают то же письмо без пикселя и с прямыми ссылками
policy-deletes-leaving = всё о человеке — в той же транзакции, в которой он уходит из последнего списка
policy-deletes-events = открытия и переходы через { $days } дн.
policy-deletes-deliveries = отправки через { $days } дн.
policy-deletes-idle = люди без всякой активности { $days } дн.
policy-deletes-receipts = запечатанные квитанции ушедших через { $days } дн.
policy-deletes-exports = выгрузки в папке данных через { $days } дн.
policy-deletes-purpose = то, что хранится для цели «{ $purpose }», через { $days } дн. после последней активности
policy-deletes-contract = после конца договора { $ends }: с этого дня ничего не отправляется, всё стирается за { $erase } дн., а через { $backups } дн. этого нет и в резервных копиях
policy-plan-same = Эта политика уже действует.
policy-plan-people = Касается { $count ->
    [one] { $count } человека.
   *[other] { $count } человек.
}
policy-plan-list = Список «{ $list }» ({ $count }): цель «{ $purpose }».
policy-plan-list-none = Список «{ $list }» ({ $count }): цели нет, в него нельзя импортировать и по нему нельзя отправлять.
policy-plan-list-missing = Списка «{ $list }» ещё нет; цель появится у него при создании.
policy-plan-field-missing = Поле «{ $field }» ещё не объявлено.
policy-plan-field = Поле «{ $field }» не относится ни к одной цели, а заполнено оно у { $count ->
    [one] { $count } человека.
   *[other] { $count } человек.
} Убрать: sendoff field rm { $field }
policy-plan-measured = Открытия и переходы записываются сейчас у { $before } чел., по политике — у { $after } чел.
policy-plan-young = Младше, чем допускает политика: { $count } чел.
policy-plan-edition = Редакция { $number } ещё не вступила в силу; сообщите о ней, получателей: { $count }. Команда: sendoff policy notice
policy-plan-stops = Рассылка «{ $campaign }» остановится: { $why }
paused-policy = Политика { $number } не допускает этой рассылки: { $why } Измените политику или отмените рассылку.
policy-stopped = Рассылка «{ $campaign }» приостановлена: политика её не допускает. Почему: sendoff campaign show "{ $campaign }"
policy-valid = Файл политики верен.
policy-head-allows = Разрешено:
policy-head-refuses = Запрещено:
policy-head-deletes = Удаляется:
policy-head-conflicts = Мешает применить:
policy-applied = Действует политика { $number } ({ $digest }).
policy-unchanged = Политика { $number } уже действует ({ $digest }).
policy-none = У рабочего пространства нет политики конфиденциальности. Напишите её (docs/policy.md), затем: sendoff policy apply ФАЙЛ
policy-in-force = Политика { $number }, применена { $at } ({ $digest }).
policy-missing-here = У рабочего пространства нет политики конфиденциальности. Напишите её (docs/policy.md), затем: sendoff policy apply ФАЙЛ
policy-notice-none = Сообщать не о чем: нет редакции, которая вступает в силу позже сегодняшнего дня. Добавьте редакцию с более поздней датой, затем: sendoff policy apply ФАЙЛ
policy-notice-name = Политика конфиденциальности, редакция { $number } ({ $list })
policy-notice-subject = { $company } меняет политику конфиденциальности с { $effective }
policy-notice-text = { $company } публикует редакцию { $number } своей политики конфиденциальности от { $dated }. Она вступает в силу { $effective }.
    {""}
    Текст и изменения: { $url }
    {""}
    Если вы не согласны, отпишитесь по ссылке ниже до этой даты; тогда ваши данные будут стёрты. Вопросы: { $email }
policy-notice-sent = О редакции { $edition } сообщается, получателей: { $people }.
policy-notice-line = { $campaign }: принято { $accepted } из { $planned }
proof-summary = Данными подтверждаются { $kept } из { $all } обещаний.
proof-kept = выполняется
proof-not-kept = не выполняется
proof-what = Что говорят данные
proof-value = Значение
proof-action = Выполнено: { $action }
proof-audit-entries = Записей в журнале действий
proof-audit-problems = Разрывов в цепочке журнала действий
proof-people-without-list = Людей, которых больше нет ни в одном списке
proof-deliveries-without-person = Отправок без человека
proof-events-without-person = Открытий и переходов без человека
proof-departed = Людей ушло или стёрто
proof-tombstones = Адресов, которые не вернутся
proof-without-consent = Подтверждённых подписок без квитанции согласия
proof-consents = Квитанций согласия
proof-oldest-consent = Самая старая квитанция
proof-newest-consent = Самая новая квитанция
proof-subscriptions = Подписок, у каждой дата
proof-newest-subscription = Самая новая подписка
proof-opened = Людей с открытием
proof-clicked = Людей с переходом
proof-reachable = Людей, чей адрес доступен
proof-crossing-rows = Подписок между рабочими пространствами
proof-crossing-deliveries = Отправок между рабочими пространствами
proof-workspaces = Рабочих пространств в установке
proof-erased-counts = Счётчиков стёртых людей, которые никого не называют
proof-on-closed-lists = Людей в закрытых списках
proof-closed-lists = Закрытых списков
proof-restricted = Подписок с ограничением
proof-sending-to-restricted = Писем в пути к людям с ограничением
proof-refused-measurement = Людей, отказавшихся от измерения
proof-agreed-measurement = Людей, согласившихся на измерение
proof-measured-against-will = Открытий и переходов по письмам, отправленным после отказа
proof-events = Открытий и переходов
proof-oldest-event = Самое старое открытие или переход
proof-newest-event = Самое новое открытие или переход
proof-oldest-delivery = Самая старая отправка
proof-automation-other = Автоматических действий, кроме отправки рассылки
proof-series = Серий рассылок
proof-imports-without-proof = Импортов без источника или доказательства
proof-imports = Импортов с источником, основанием и доказательством
proof-campaigns-to-closed-lists = Рассылок по закрытым спискам
proof-open-lists = Открытых списков
proof-segments = Сегментов
proof-public-url = Адрес страниц отписки и настроек (public-url)
proof-unsubscribe-mailbox = Ящик для отписки письмом (unsubscribe-mailbox)
proof-logo = Логотип загружается только отсюда
proof-relays = Релеев
proof-store = База данных
proof-processors = Обработчики, названные в политике
proof-bytes-pending = Байты стёртых людей, которые ждут удаления
proof-team = Роли в рабочем пространстве
proof-support-without-end = Бессрочных доступов поддержки
proof-support-changes = Изменений и выгрузок, разрешённых поддержке
proof-second-factors = Сотрудников со вторым фактором
proof-short-sessions = Сеансов с коротким идентификатором
proof-sessions = Сеансов, у каждого случайный идентификатор
proof-backups = Сделано резервных копий
proof-backup-age = Дней с последней резервной копии
proof-more-facts = Фактов у обработчиков сверх пяти
proof-facts = Факты, которые получают обработчики
proof-bases = Правовое основание каждой цели
proof-events-overdue = Открытий и переходов сверх срока
proof-deliveries-overdue = Отправок сверх срока
proof-editions = Редакции и их даты
proof-edition-in-force = Действующая редакция
proof-applied-at = Политика применена
proof-special-fields = Объявленных полей специальных категорий
proof-fields = Объявленных полей
proof-contract = Конец договора, дни до удаления данных и копий
proof-running-after-end = Рассылок после конца договора
proof-people-after-end = Людей после срока стирания
proof-people = Людей
proof-crossing-campaigns = Рассылок, соединяющих данные двух целей
proof-campaigns = Проверено рассылок
proof-purposes = Целей со списками
proof-measurement = Режим измерения
proof-events-after-policy = Открытий и переходов отдельных людей при этой политике
proof-newest-edition = Новейшая редакция и дата вступления в силу
proof-first-edition = Изменений ещё не было: единственная редакция
proof-notices = Уведомлений о новейшей редакции
proof-notices-late = Уведомлений, не отправленных или отправленных поздно
proof-age-rule = Правило возраста
proof-too-young = Людей, которые слишком молоды
proof-with-birth-date = Людей с датой рождения
proof-list = Список, его поля и люди
proof-lists-without-rule = Списков, чьё правило не из политики
proof-unnamed-values = Значений полей, которых не называет ни одна цель
proof-copy-lists = Списков в копии новейшего контакта
proof-copy-consents = Согласий с источником в этой копии
proof-copy-deliveries = Отправок в этой копии
promise-j1 = Рассылки используют названные поля и ничего больше.
promise-j2 = Данные удаляются, как только человек отписался.
promise-j3 = Данные удаляются, если рассылка прекращена раньше.
promise-j4 = Обработчик получает адрес и сообщает пять фактов: дату подписки, открытие и его время, переход, доступность адреса.
promise-j5 = У каждой цели своё правовое основание и свой срок хранения.
promise-j6 = Согласие можно отозвать в любое время письмом с указанием цели.
promise-j7 = Данные остаются на наших серверах и не передаются третьим лицам для прямого маркетинга.
promise-j8 = Каждая новая редакция политики датируется и публикуется.
promise-j9 = Уничтоженное нельзя восстановить.
promise-m1 = Клиенты заказчика обрабатываются по его поручению, отдельно от чужих.
promise-m2 = Поля объявлены и никогда не относятся к специальным или биометрическим категориям.
promise-m3 = Данные хранятся в срок договора, удаляются за 30 дней после него, а на резервных носителях — за 6 месяцев.
promise-m4 = Статистика ведётся только после обезличивания.
promise-m5 = Базы с несовместимыми целями не объединяются.
promise-m6 = Доступ ограничен и разделён, действия сотрудников контролируются.
promise-m7 = Данные можно восстановить из резервных копий.
promise-m8 = Отписаться можно по ссылке или обратившись в компанию.
promise-c1 = Данные можно заблокировать без уничтожения.
promise-c2 = Человек сам может изменить или удалить свои данные.
promise-c3 = Решения с юридическими последствиями не принимаются только автоматически.
promise-c4 = Поддержка смотрит только с разрешения владельца и ничего не копирует и не меняет.
promise-c5 = Тот, кто вносит данные третьих лиц, отвечает за их согласие.
promise-c6 = Данные поддерживаются точными: исправляются, блокируются или уничтожаются.
promise-r1 = Права: доступ, копия, исправление, возражение, стирание, ограничение, перенос, отзыв согласия, жалоба.
promise-r2 = Машиночитаемая копия, в том числе для другой организации.
promise-r3 = Отписка по ссылке, в настройках или через компанию.
promise-r4 = Рассылки следуют предпочтениям человека.
promise-r5 = Веб-маяки и переходы собираются только для названных целей.
promise-r6 = Об изменениях политики сообщают до их вступления в силу.
promise-r7 = Отчёты строятся по собранным данным.
promise-r8 = Перед исполнением запроса подтверждается личность.
promise-h1 = От рекламных писем можно отказаться настройкой в каждом письме или написав.
promise-h2 = Человек может узнать, обрабатываются ли данные, зачем, как, кем, из какого источника и как долго.
promise-h3 = Услуги не предназначены для людей младше предела возраста.
promise-h4 = Безопасность: идентификация, контроль доступа, журнал событий, резервные копии.
promise-h5 = Только сеансовые cookie со случайным идентификатором.
public-policy-title = Политика конфиденциальности
public-policy-edition = Редакция { $number } от { $dated } ({ $standing ->
    [in-force] действует с { $effective }
    [coming] вступает в силу { $effective }
   *[earlier] действовала с { $effective }, заменена
})
public-policy-controller = Кто отвечает за данные
public-policy-changes = Что меняет эта редакция
public-policy-editions = Все редакции
desk-policy = Политика конфиденциальности
desk-policy-none = У рабочего пространства ещё нет политики: разрешено всё, что умеет программа. Напишите её ниже.
desk-policy-proof = Подтверждение обещаний
desk-policy-kept = обещаний подтверждаются данными
desk-policy-public = Её может прочитать каждый по адресу
desk-policy-editions = Редакции
desk-policy-notice = Уведомление о новейшей редакции
desk-policy-announce = Сообщить всем о будущей редакции
desk-policy-announce-what = Одно письмо каждому человеку из любого списка до вступления редакции в силу. Дважды не получит никто.
desk-policy-from = Отправитель; пусто — оператор из политики
desk-policy-plan = Что меняет этот файл
desk-policy-file = Файл политики
desk-policy-choose = Файл политики (.toml) и тексты, которые он называет
desk-policy-choose-check = Проверить файл
desk-policy-text = Текст:
desk-policy-no-file = Файл политики не выбран. Выберите файл с именем на .toml.
desk-policy-file-what = TOML; пример есть в справке. Тексты, названные файлами рядом, берутся из политики, применённой командой последней.
desk-policy-check = Проверить и показать план
desk-policy-apply = Применить
export-profile = Профиля «{ $profile }» у выгрузки «{ $kind }» нет. Есть: sendoff export subscriptions --profile processor
proof-retention-run = Последнее удаление того, чей срок истёк
proof-destruction-entries = Записей в журнале уничтожения
proof-destruction-problems = Разрывов в цепочке журнала уничтожения
person-opened = открытие
person-clicked = переход
person-reachable = адрес доступен
person-unreachable = адрес недоступен
proof-requests-overdue = Просроченных запросов
proof-requests-unproven = Запросов с данными без подтверждения личности
proof-requests = Запросов
proof-unsubscribe-reader = Как обрабатываются письма в него: программой, если она их получает (канал, SMTP или LMTP), иначе оператор вносит каждую просьбу
