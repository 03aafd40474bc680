entering-name = Имя
entering-email = Электронная почта
entering-password = Пароль
entering-new-password = Новый пароль (не короче 10 символов)
entering-current-password = Нынешний пароль
entering-code = Код, если включён второй фактор
entering-code-now = Код из приложения или код восстановления
entering-first-code = Код, который показывает приложение

setup-title = Настройка Sendoff
setup-text = Кто отвечает за эту установку? Остальных можно будет пригласить потом.
setup-button = Начать

login-title = Вход
login-button = Войти
login-help = Забыли пароль или потеряли коды? Администратор даст вам ссылку: sendoff user reset.
login-no-setup = Входить пока некому. Откройте ссылку, которую напечатал sendoff serve: по ней создаётся первый администратор.
login-password-chosen = Пароль изменён. Войдите с ним.
login-signed-out = Вы вышли.
logout-button = Выйти

entering-administrators = Эта страница — для администраторов установки.
entering-expired = Сеанс закончился, и ничего не изменено. Войдите в другой вкладке, вернитесь сюда и отправьте форму ещё раз: всё, что вы набрали, осталось на месте.
entering-nobody = Сначала войдите.

password-link-title = Выберите пароль
password-link-greeting = { $name }, выберите пароль, с которым будете входить. Во всех браузерах сеансы завершатся.
password-link-button = Выбрать этот пароль

join-title = Приглашение в «{ $workspace }»
join-text = Вас приглашают в рабочее пространство «{ $workspace }». Роль: { $role }.
join-button = Принять приглашение
join-as = Вы вошли как
join-sign-in = У этого адреса уже есть учётная запись. Войдите, чтобы принять приглашение.
join-refused = Это приглашение нельзя принять

account-title = Ваша учётная запись
account-back = К учётной записи
account-profile = Имя и язык
account-language = Язык страниц
account-language-browser = Как просит браузер
account-save = Сохранить
account-password = Пароль
account-password-text = Во всех остальных браузерах сеансы завершатся.
account-password-button = Изменить пароль
account-sessions = Где вы вошли
account-session-this = этот браузер
account-session-since = с
account-session-used = использован
account-session-end = Завершить сеанс
account-browser-unknown = Неизвестный браузер
account-done-profile = Сохранено.
account-done-password = Пароль изменён; остальные сеансы завершены.
account-done-session = Сеанс завершён.
account-done-removed = Второй фактор отключён.

second-factor-heading = Второй фактор
second-factor-on = При входе нужен код из приложения-аутентификатора.
second-factor-off = Со вторым фактором одного украденного пароля для входа мало.
second-factor-title = Включить второй фактор
second-factor-text = Наведите приложение-аутентификатор на картинку или введите в него секрет. Затем введите код, который оно покажет.
second-factor-qr = QR-код с секретом
second-factor-secret = Секрет:
second-factor-button = Включить
second-factor-remove-title = Отключить второй фактор
second-factor-remove-text = После этого для входа хватит одного пароля.
recovery-codes-title = Коды восстановления
recovery-codes-text = Каждый код один раз заменит код из приложения, если его нет под рукой. Они показаны только сейчас: сохраните их там, где храните важные бумаги.
recovery-codes-kept = Коды сохранены
recovery-codes-renew-title = Сделать новые коды восстановления
recovery-codes-renew-text = Прежние коды перестанут действовать.

team-title = Команда
team-nobody = В команде этого рабочего пространства пока никого нет. Администраторы могут входить и так.
team-you = это вы
team-role = Роль
team-until = Последний день (для поддержки)
team-last-seen = последний раз здесь:
team-remove = Закрыть доступ
team-invitations = Приглашены, ещё не вошли
team-expires = Ссылка действует до
team-withdraw = Отозвать
team-invite = Пригласить
team-invite-what = Вы получите ссылку, которую нужно переслать. Она действует только для этого адреса, один раз и неделю. Поддержка только читает — до выбранного дня — и ничего не выгружает.
team-invite-button = Создать ссылку
team-invited = Отправьте эту ссылку на { $address }. Она показана только сейчас:

provider-button = Войти через { $label }
provider-code-text = У вас включён второй фактор; поставщик входа его не заменяет.
provider-back = Назад ко входу
