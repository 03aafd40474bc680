role-operator = Администратор
role-owner = Владелец
role-marketer = Маркетолог
role-analyst = Аналитик
role-auditor = Аудитор
role-support = Поддержка
role-recipient = Получатель
role-visitor = Посетитель
role-unknown = Роли «{ $role }» нет. Есть: { $known }.

password-short = Нужно не меньше { $least } символов.
password-long = Нужно не больше { $most } символов.
password-easy = Такой пароль легко угадать: возьмите несколько слов или больше разных символов.
password-wrong = Это не ваш нынешний пароль.
password-link-invalid = Срок этой ссылки истёк, или ею уже воспользовались. Попросите новую.

user-name = Введите имя не длиннее { $most } символов.
user-email = Это не адрес электронной почты: { $why }
user-exists = У { $address } уже есть учётная запись.
user-unknown = Пользователя с адресом { $address } нет.
user-damaged = Строку пользователя не удаётся прочитать. Файл keys/seal.key — от этой установки?
user-last-administrator = Это последний администратор. Сначала назначьте другого.

sign-in-wrong = Неверный адрес или пароль.
sign-in-code-needed = Введите код из приложения-аутентификатора или код восстановления.
sign-in-code-wrong = Код неверен, устарел или уже использован.
sign-in-throttled = Слишком много попыток. Повторите через { $minutes ->
    [one] { $minutes } минуту
    [few] { $minutes } минуты
   *[many] { $minutes } минут
}; из браузера, в котором вы уже входили, можно сразу.
signed-out = Вы вышли. Войдите снова.
session-unknown = Этот сеанс уже завершён.
login-link-invalid = Этой ссылкой уже воспользовались. Запустите демонстрацию снова — будет новая.

setup-link-invalid = Срок этой ссылки истёк, или ею уже воспользовались. Запустите Sendoff снова: пока администратора нет, он печатает новую ссылку.

second-factor-expired = Секрет с этой страницы больше не действует. Откройте страницу заново.
second-factor-exists = Второй фактор уже включён.
second-factor-none = Второй фактор не включён.

team-member-exists = { $address } уже в этой команде.
team-member-unknown = Этого пользователя в команде нет.
team-last-owner = Это последний владелец. Сначала сделайте владельцем кого-то ещё.
team-invitation-unknown = Это приглашение уже принято или отозвано.
team-invitation-invalid = Срок приглашения истёк, его отозвали или уже приняли. Попросите новое.
team-sign-in-first = У этого адреса уже есть учётная запись. Войдите и откройте приглашение снова.
team-other-address = Это приглашение для { $address }. Выйдите и войдите с тем адресом.
team-grant-needed = Укажите, до какого дня поддержка может смотреть.
team-grant-term = Выберите день в пределах ближайших { $days } дней.
team-grant-role = Срок бывает только у поддержки.

team-grant-day = «{ $text }» — не день вида 2026-12-31.
user-added = Пользователь { $address } добавлен. Передайте ему эту ссылку: по ней он за три дня выберет пароль:
    { $url }
user-reset = По этой ссылке { $address } за три дня выберет новый пароль; до тех пор ничего не меняется:
    { $url }
user-none = Пользователей ещё нет. Запустите sendoff serve и откройте ссылку, которую он напечатает.
user-never-seen = ещё не входил
user-role = У { $address } теперь роль «{ $role }».
user-administrator = Теперь это администратор всей установки.
user-no-administrator = Это больше не администратор.
user-removed = Пользователь { $address } удалён вместе с сеансами и ролями.
user-sessions-none = Сеансов нет.
user-sessions-ended = { $count ->
    [one] Завершён { $count } сеанс.
    [few] Завершены { $count } сеанса.
   *[many] Завершено { $count } сеансов.
}
