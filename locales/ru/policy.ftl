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
policy-valid = Файл политики верен.
policy-head-allows = Разрешено:
policy-head-refuses = Запрещено:
policy-head-deletes = Удаляется:
policy-head-conflicts = Мешает применить:
policy-applied = Действует политика { $number } ({ $digest }).
policy-unchanged = Политика { $number } уже действует ({ $digest }).
policy-none = У рабочего пространства нет политики конфиденциальности. Напишите её (docs/policy.md), затем: sendoff policy apply ФАЙЛ
policy-in-force = Политика { $number }, применена { $at } ({ $digest }).
