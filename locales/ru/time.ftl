# Время: начало, ожидание, крайний срок и повторение рассылок.
campaign-scheduled = «{ $name }» начнётся { $said }, то есть { $time }. Хранится этот момент: если правила часового пояса изменятся, задайте время заново. Отправит работающий `sendoff serve` или `sendoff mail`.
campaign-scheduled-local = «{ $name }» уйдёт каждому в { $local } по его часовому поясу: по полю «{ $field }», а где оно пусто — по { $zone }. Список получателей фиксируется { $time }, когда это время наступит в самом восточном поясе; дальше каждое письмо ждёт своего времени.
time-gap = Часы в { $zone } переводят вперёд, и { $asked } в этот день не бывает: имеется в виду { $meant }.
time-fold = Часы в { $zone } переводят назад, и { $asked } в этот день бывает дважды: имеется в виду первый раз, { $meant }.
campaign-hold = hold: «{ $text }» — не время ожидания. Пишите целые секунды, не больше { $most }: hold = 30
campaign-until-past = Крайний срок «{ $name }» — { $until }, он уже прошёл. Назовите более поздний: --until "2026-12-01 12:00"
campaign-late = Крайний срок «{ $name }» прошёл. Скажите, до какого времени её ещё можно отправлять: sendoff campaign resume { $name } --until "2026-12-01 12:00" или --until never. Отказаться от остатка: sendoff campaign recall { $name }
campaign-start-passed = Пока рассылка «{ $name }» была приостановлена, время её начала прошло. Начать сейчас: sendoff campaign start { $name }. Назначить другое время: sendoff campaign schedule { $name } --at "2026-12-01 12:00". Вернуть в черновики: sendoff campaign unschedule { $name }
paused-late = Крайний срок { $until } прошёл, { $count ->
    [one] не отправлено { $count } письмо
    [few] не отправлено { $count } письма
   *[many] не отправлено { $count } писем
}. Всё же отправить: sendoff campaign resume { $name } --until "2026-12-01 12:00" или --until never. Отказаться: sendoff campaign recall { $name }
recalled = отозвана: неотправленные письма пропущены
campaign-recalled = «{ $name }»: из { $planned } писем { $accepted } принято раньше, { $recalled } отозвано, { $uncertain } под вопросом, { $sending } сейчас отправляются, их уже не отозвать.
show-starts = начнётся { $at } ({ $utc })
show-until = с { $at } письма не отправляются
show-held = Первое письмо уйдёт через { $count ->
    [one] { $count } секунду
    [few] { $count } секунды
   *[many] { $count } секунд
}. Отозвать всё: sendoff campaign recall { $name }
setting-hold = секунды между «начать» и первым письмом, когда всё можно отозвать, от { $least } до { $most }
schedule-clash = «{ $one }» и «{ $other }» исключают друг друга. Оставьте одно.
schedule-alone = Для «{ $one }» нужно «{ $other }». Добавьте его или уберите «{ $one }».
preflight-zone-field = Поле «{ $field }» из zone-field не объявлено. Объявите его: sendoff field add { $field } text
preflight-zone-missing = { $count ->
    [one] У { $count } человека
   *[other] У { $count } человек
} нет значения «{ $field }»: письмо уйдёт по часовому поясу рассылки.
preflight-zone-unknown = { $count ->
    [one] У { $count } человека
   *[other] У { $count } человек
} в поле «{ $field }» не часовой пояс: письмо уйдёт по часовому поясу рассылки.
preflight-zone-past = { $count ->
    [one] У { $count } человека
   *[other] У { $count } человек
} это время уже прошло: письмо уйдёт сразу.
preflight-zone-late = { $count ->
    [one] У { $count } человека
   *[other] У { $count } человек
} это время наступит после крайнего срока (until): письмо не уйдёт.
series-every = every: «{ $text }» — не период. Пишите every = "day", "week" или "month".
series-on = on = { $on } не подходит к every = "{ $every }". Пишите on = "monday" для недели, on = 31 для месяца, а для дня — ничего.
series-time = «{ $text }» — не время суток. Для серии нужно { $key } = "09:00".
series-clock = Часы этой машины показывают время вне 1–9999 годов. Установите часы и возобновите серию: sendoff campaign series resume ИМЯ
series-start = «{ $name }» — серия, её нельзя начать один раз. Назначьте время: sendoff campaign schedule { $name }
series-begun = Для каждого выпуска «{ $name }» создаётся рассылка из этого черновика, каким он тогда будет. Первая: { $next }. Отправит работающий `sendoff serve` или `sendoff mail`.
series-unknown = «{ $name }» — не черновик серии. Какие есть: sendoff campaign series ls
series-draft-gone = Черновика этой серии больше нет. Добавьте файл под другим именем и назначьте время.
series-no-recurrence = В черновике «{ $name }» больше нет every = "…". Добавьте файл с ним, затем: sendoff campaign series resume { $name }
series-name-taken = Рассылка «{ $name }» уже есть и не относится к серии: выпуск не может получить это имя. Добавьте файл под другим именем и назначьте время.
series-missed = Выпуск за { $day } пропущен. Отправить сейчас: sendoff campaign series resume { $name } --send-missed. Пропустить: sendoff campaign series resume { $name }
series-next = следующая { $next }
series-asking = ждёт решения
series-stopped = остановлена
series-none = Серий пока нет. Напишите в файле every = "week", on = "monday", at = "09:00", добавьте его и назначьте время.
show-starts-local = уйдёт в { $local } по местному времени каждого получателя; в первом часовом поясе это { $utc }
