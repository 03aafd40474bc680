# Письма в кабинете: галерея готовых писем, версии, картинки, помощь в редакторе.

gallery-announcement = Анонс
gallery-broken = Готовое письмо «{ $name }» не читается.
gallery-event = Мероприятие
gallery-from = Начать с готового письма
gallery-list = Новости
gallery-look = Посмотреть
gallery-newsletter = Новости
gallery-re-engagement = Возвращение подписчиков
gallery-receipt = Чек
gallery-sale = Распродажа
gallery-sender = Укажите отправителя: --from. Рассылок ещё нет, взять его неоткуда.
gallery-survey = Опрос
gallery-title = Готовые письма
gallery-unknown = Готового письма «{ $name }» нет. Есть: { $known }.
gallery-use = Взять это письмо
gallery-used = Черновик начнётся с готового письма «{ $name }».
gallery-welcome = Приветствие
gallery-what = С каждого можно начать черновик — в вашем цвете и с вашим именем. Менять можно любое слово.
revision-gone = Этой версии больше нет.
revisions-automatic = сохранено само
revisions-by = Кто сохранил
revisions-change = Что изменилось
revisions-compare = Сравнить
revisions-compared = { $from } → { $to }
revisions-none = Пока ничего не сохранено.
revisions-now = сейчас
revisions-open = Прежние версии
revisions-restore = Восстановить
revisions-restored = Восстановлено. То, что было до этого, осталось среди версий.
revisions-same = Различий нет.
revisions-saved = Когда
revisions-skipped = { $count ->
    [one] … { $count } строка
    [few] … { $count } строки
   *[many] … { $count } строк
  }
revisions-title = Версии рассылки «{ $name }»
revisions-what = Хранятся последние 50 версий. Когда их больше, первыми удаляются сохранённые почти подряд. Восстановленное становится новой версией.
revisions-with-now = Сравнить с нынешней
draft-state-conflict = Не сохранено: черновик изменил кто-то другой.
draft-state-dirty = Изменено, ещё не сохранено
draft-state-kept = Пока только в этом браузере:
draft-state-offline = Сервер не отвечает. Текст сохранён в этом браузере.
draft-state-saved = Сохранено
draft-state-saving = Сохраняется…
campaign-restored = Рассылка «{ $name }» возвращена к этой версии.
draft-lines = Строки с ошибками
draft-picker = Вставить значение или условие
draft-picker-conditions = Условия
draft-picker-tags = Значения
draft-picker-what = Поставьте курсор в нужное место и выберите. Вместо … напишите свои слова: они для тех, у кого значения нет.
preview-all = Компьютер и телефон
preview-dark = Тёмная тема
preview-desktop = Компьютер
preview-images-off = Без картинок
preview-light = Светлая тема
preview-phone = Телефон
preview-text = Текст
preview-views = Как показать
media-add = Загрузить
media-alt = Описание картинки
media-alt-all = Описание: что на картинке — для тех, кто её не видит
media-alt-missing = Опишите, что изображено, или отметьте, что картинка декоративная.
media-decorative = Декоративная: ничего не добавляет к тексту
media-describe = Сохранить описание
media-files = Файлы: выберите или перетащите сюда
media-none = Картинок пока нет.
media-nothing = Сначала выберите файл.
media-open = Загрузить и описать картинки
media-refused = { $name }: { $why }
media-remove = Удалить
media-remove-anyway = Убрать её и из этих писем
media-title = Картинки
media-undescribed = Нужно описание
media-what = PNG, JPEG, GIF или WebP. Каждая уменьшается до ширины письма, из неё удаляются место, время и камера. Картинку увидит любой, у кого есть её адрес.
picture-animation = Движущийся GIF может весить до { $limit } МБ: почтовые программы загружают его целиком. Сделайте его короче или меньше.
picture-broken = Файл повреждён или это не картинка. Откройте её, сохраните заново и попробуйте ещё раз.
picture-gone = Этой картинки больше нет.
picture-kind = Такой файл почтовые программы не покажут. Сохраните картинку как PNG или JPEG.
picture-large = Файл больше { $limit } МБ. Уменьшите картинку.
picture-many = В рабочей области уже { $limit } картинок. Сначала удалите лишние.
picture-moving-webp = Движущийся WebP почтовые программы не показывают. Сохраните его как GIF.
picture-pixels = В картинке { $width } × { $height } пикселей — больше { $limit } миллионов. Уменьшите её.
picture-svg = В SVG могут быть программы, и почтовые программы его не показывают. Сохраните картинку как PNG.
picture-used = Картинка используется: { $count ->
    [one] { $count } рассылка
    [few] { $count } рассылки
   *[many] { $count } рассылок
  } ({ $campaigns }). Без неё и в отправленных письмах останется только описание.
draft-mjml = <mjml> <mj-body> <mj-section> <mj-column> <mj-text>Напишите здесь свои новости.</mj-text> </mj-column> </mj-section> </mj-body> </mjml>
mjml-attribute = Строка { $line }: у элемента нет атрибута «{ $what }».
mjml-element = Строка { $line }: «{ $what }» здесь стоять не может.
mjml-end = Строка { $line }: MJML обрывается — какой-то элемент не закрыт.
mjml-include = Строка { $line }: mj-include подключает другие файлы, здесь это невозможно. Вставьте сам текст.
mjml-root = Строка { $line }: MJML начинается с <mjml>.
mjml-wrong = Строка { $line }: ошибка в MJML у «{ $what }».
clicks-denominator = { $count ->
    [one] Доли считаются от { $count } письма, в котором перешли по ссылке.
    [few] Доли считаются от { $count } писем, в которых перешли по ссылке.
   *[many] Доли считаются от { $count } писем, в которых перешли по ссылке.
  } Программы, которые проверяют ссылки, считаются наравне с людьми.
clicks-messages = Письма
clicks-no-picture = С придуманными значениями это письмо не показать.
clicks-open = Клики на письме
clicks-share = Доля
clicks-title = Клики в рассылке «{ $name }»
clicks-total = Все клики
clicks-unmeasured = Для этой рассылки ничего не измерялось.
lint-client = «{ $construct }» не показывают: { $clients }. Проверьте, что письмо и без этого в порядке.
lint-subject-phone = В теме { $length } знаков, телефоны показывают около { $shown }. Главное поставьте в начало.
link-certificate = Сертификат сервера недействителен.
link-private = Не проверялась: частная сеть или необычный порт
link-reached = В порядке ({ $status })
link-refused = Страницы нет ({ $status })
link-silent = Сервер не отвечает.
link-unresolved = Такого сервера нет.
links-again = Проверить ещё раз
links-check = Проверить ссылки
links-found = Результат
links-none = В письме нет ссылок, одинаковых для всех.
links-title = Ссылки рассылки «{ $name }»
links-unchecked = { $count ->
    [one] { $count } ссылка не проверялась: в ней значение получателя.
    [few] { $count } ссылки не проверялись: в них значения получателя или их слишком много.
   *[many] { $count } ссылок не проверялось: в них значения получателя или их слишком много.
  }
mjml-open = Строка { $line }: «{ $what }» не закрыт, или не закрыто что-то внутри.
draft-picker-segments = Условия сегментов
draft-damaged = Набранное в этом черновике больше не читается.
draft-kept = Сохранено как набрано. Пока ошибка не исправлена, рассылка не отправляется, не проверяется и не планируется; в просмотре — последний правильный вариант.
draft-state-signed-out = Вы вышли. Войдите в другой вкладке: набранное хранится здесь и тогда сохранится.
draft-state-unfinished = Сохранено как набрано, но с ошибкой:
draft-unfinished = Черновик «{ $name }» сохранён с ошибкой. Сначала откройте письмо и исправьте её.
